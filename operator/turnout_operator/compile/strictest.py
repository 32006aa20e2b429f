"""Several GuardrailPolicies as one Guard: they add up, and what one of them forbids no other allows.

Entity by entity the strictest wins, whoever finds it: Block over Mask over Monitor; a Reroute adds to that; what one policy does
not put back is not put back. A failure lets a call go on where every policy that binds there says so. A policy in mode Monitor
adds nothing but Monitor, and a detector that is only asked to monitor does no more, whatever is done with what others find.

Rules: pure; the order of the policies means nothing beyond the order of names.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple, get_args

import msgspec
from msgspec import UNSET

from turnout_contract import canonical, durations
from turnout_contract.api import guardrail as api
from turnout_contract.snapshot import guards

Side = Literal["Input", "Output"]
_SIDES: tuple[Side, ...] = ("Input", "Output")
_RANK: dict[str, int] = {"Allow": 0, "Monitor": 1, "Mask": 2, "Block": 3}
_EVERY_ENTITY: tuple[str, ...] = get_args(api.Entity)


class Policy(NamedTuple):
    """A policy that is in force. `label`: its name, "NAMESPACE/NAME" where it is the organisation's."""

    label: str
    spec: api.GuardrailPolicySpec

    @property
    def enforced(self) -> bool:
        """Whether it may change anything."""
        return self.spec.mode == "Enforce"

    @property
    def fail_open(self) -> bool:
        """Whether a call goes on that it could not look at."""
        return self.spec.failure_mode == "FailOpen"

    @property
    def input(self) -> api.InputChecks:
        """What it checks in questions."""
        return self.spec.input or api.InputChecks()

    @property
    def output(self) -> api.OutputChecks:
        """What it checks in answers."""
        return self.spec.output or api.OutputChecks()


class _Wish(NamedTuple):
    """What one policy wants done with one entity on one side; `built_in`: looked for by the gateway itself."""

    entity: str
    action: guards.Action
    reroute: bool
    restore: bool
    fail_open: bool
    built_in: bool

    @property
    def binds(self) -> bool:
        return self.action != "Monitor" or self.reroute


_Wishes = Mapping[Side, Sequence[_Wish]]


def guard_of(policies: Iterable[Policy]) -> guards.Guard | None:
    """All that the policies ask for, as one value; None where that is nothing."""
    given = sorted((policy for policy in policies if _checks(policy)), key=lambda one: ("/" in one.label, one.label))
    return _sum(given) if given else None


def _checks(policy: Policy) -> bool:
    """Whether a policy checks anything."""
    asked = policy.input
    patterns = (*asked.deny_patterns, *policy.output.deny_patterns)
    return bool(patterns or asked.prompt_injection) or _binds(policy) or any(_wishes(policy, side) for side in _SIDES)


def masks(guard: guards.Guard) -> bool:
    """Whether anything is replaced by placeholders."""
    treated = [*guard.input, *guard.output]
    treated += [one for plugin in guard.plugins for one in (*plugin.input, *plugin.output)]
    actions = {one.action for one in treated} | {one.action for one in (*guard.deny_input, *guard.deny_output)}
    return "Mask" in actions


def sides(plugin: api.Plugin) -> tuple[Side, ...]:
    """What a plug-in is shown, whichever way `on` was written."""
    return plugin.kubectl_on or plugin.on or api.Plugin(name="any").on


def entities(plugin: api.Plugin) -> tuple[str, ...]:
    """What a plug-in looks for: what it is asked for, else all that it can know."""
    if plugin.entities is not UNSET:
        return plugin.entities
    unknown = guards.UNKNOWN_TO_PRESIDIO if plugin.adapter == "Presidio" else ()
    return tuple(entity for entity in _EVERY_ENTITY if entity not in unknown)


def _sum(policies: Sequence[Policy]) -> guards.Guard:
    wishes = {side: [wish for policy in policies for wish in _wishes(policy, side)] for side in _SIDES}
    whole = guards.Guard(
        id="",
        policies=tuple(policy.label for policy in policies),
        input=_treatments([wish for wish in wishes["Input"] if wish.built_in], wishes["Input"], "Input"),
        output=_treatments([wish for wish in wishes["Output"] if wish.built_in], wishes["Output"], "Output"),
        injections=_injections(policies),
        deny_input=_patterns(policies, "Input"),
        deny_output=_patterns(policies, "Output"),
        binary_parts=_binary_parts(policies),
        token_limits=_token_limits(policies),
        schemas=_schemas(policies),
        plugins=_plugins(policies, wishes),
        fail_open=_fail_open(policies),
    )
    return msgspec.structs.replace(whole, id=canonical.digest(canonical.encode(whole)))


# --- entities


def _wishes(policy: Policy, side: Side) -> list[_Wish]:
    """What a policy wants done on one side, by the gateway's own detectors and by its plug-ins."""
    found = []
    pii = policy.input.pii if side == "Input" else policy.output.pii
    if pii:
        named = guards.BUILT_IN if pii.entities is UNSET else pii.entities
        found += [_personal(policy, side, one) for one in named if one in guards.BUILT_IN]
    secrets = policy.input.secrets
    if side == "Input" and secrets:
        found.append(_wish(policy, guards.SECRET, secrets.action, restore=secrets.restore))
    return found + [wish for plugin in policy.spec.plugins for wish in _plugin_wishes(policy, plugin, side)]


def _plugin_wishes(policy: Policy, plugin: api.Plugin, side: Side) -> list[_Wish]:
    if side not in sides(plugin):
        return []
    fail_open = plugin.failure_mode == "FailOpen"
    wishes = (_personal(policy, side, entity) for entity in entities(plugin))
    return [wish._replace(fail_open=fail_open or not wish.binds, built_in=False) for wish in wishes]


def _personal(policy: Policy, side: Side, entity: str) -> _Wish:
    """What the policy's pii says of a side; without it, what pii says by default."""
    if side == "Input":
        asked = policy.input.pii or api.InputPii()
        return _wish(policy, entity, asked.action, restore=asked.restore)
    return _wish(policy, entity, (policy.output.pii or api.OutputPii()).action, restore=False)


def _wish(policy: Policy, entity: str, action: api.Action, *, restore: bool) -> _Wish:
    if not policy.enforced or action == "Monitor":
        return _Wish(entity, "Monitor", reroute=False, restore=True, fail_open=True, built_in=True)
    done: guards.Action = "Monitor" if action == "Reroute" else action
    return _Wish(entity, done, action == "Reroute", restore, policy.fail_open, built_in=True)


def _treatments(own: Sequence[_Wish], all_of_them: Sequence[_Wish], side: Side) -> tuple[guards.Treatment, ...]:
    """What is done with what a detector finds, by entity: the strictest that anybody wants, where it is to do more than monitor."""
    found = []
    for entity in sorted({wish.entity for wish in own}):
        asked = [wish for wish in own if wish.entity == entity]
        binds = any(wish.binds for wish in asked)
        found.append(_strictest(entity, [one for one in all_of_them if one.entity == entity] if binds else asked, side))
    return tuple(found)


def _strictest(entity: str, wishes: Sequence[_Wish], side: Side) -> guards.Treatment:
    action = max((wish.action for wish in wishes), key=_RANK.__getitem__)
    return guards.Treatment(
        entity=entity,
        action=action,
        reroute=any(wish.reroute for wish in wishes),
        restore=action != "Mask" or (side == "Input" and all(wish.restore for wish in wishes)),
        fail_open=all(wish.fail_open for wish in wishes),
    )


def _plugins(policies: Sequence[Policy], wishes: _Wishes) -> tuple[guards.Plugin, ...]:
    return tuple(
        _plugin(policy, plugin, wishes)
        for policy in policies
        for plugin in sorted(policy.spec.plugins, key=lambda plugin: plugin.name)
    )


def _plugin(policy: Policy, plugin: api.Plugin, wishes: _Wishes) -> guards.Plugin:
    return guards.Plugin(
        name=plugin.name,
        policy=policy.label,
        adapter=plugin.adapter,
        url=plugin.url or None,
        entry_point=plugin.entry_point or None,
        input=_of_plugin(policy, plugin, "Input", wishes["Input"]),
        output=_of_plugin(policy, plugin, "Output", wishes["Output"]),
        timeout_ms=durations.parse_ms(plugin.timeout),
        fail_open=plugin.failure_mode == "FailOpen",
        enforced=policy.enforced,
        flags=_flags(policy, plugin),
    )


def _of_plugin(policy: Policy, plugin: api.Plugin, side: Side, wishes: Sequence[_Wish]) -> tuple[guards.Treatment, ...]:
    treated = _treatments(_plugin_wishes(policy, plugin, side), wishes, side)
    looks = plugin.entities is not UNSET or not plugin.flags  # else it is a classifier, that may also find something
    restricts = plugin.failure_mode == "FailOpen" and looks and side == "Input"
    return tuple(msgspec.structs.replace(one, fail_open=restricts) for one in treated)


def _flags(policy: Policy, plugin: api.Plugin) -> guards.Flags:
    if not plugin.flags:
        return guards.Flags()
    threshold, action = float(plugin.flags.threshold), plugin.flags.action
    if not policy.enforced:
        return guards.Flags(threshold)
    return guards.Flags(threshold, "Block" if action == "Block" else "Monitor", reroute=action == "Reroute")


# --- everything else


def _injections(policies: Sequence[Policy]) -> tuple[guards.Injection, ...]:
    """The lowest threshold of each action; a milder one only where it begins lower."""
    lowest: dict[str, float] = {}
    fail_open = True
    for policy in policies:
        asked = policy.input.prompt_injection
        if not asked:
            continue
        action = asked.action if policy.enforced else "Monitor"
        lowest[action] = min(float(asked.threshold), lowest.get(action, 1.0))
        fail_open = fail_open and (action == "Monitor" or policy.fail_open)
    steps: list[guards.Injection] = []
    for action in ("Block", "Reroute", "Monitor"):
        if action in lowest and all(lowest[action] < step.threshold for step in steps):
            done: Literal["Monitor", "Block"] = "Block" if action == "Block" else "Monitor"
            open_here = fail_open or action == "Monitor"
            steps.append(guards.Injection(lowest[action], done, reroute=action == "Reroute", fail_open=open_here))
    return tuple(reversed(steps))


def _patterns(policies: Sequence[Policy], side: Side) -> tuple[guards.Pattern, ...]:
    return tuple(
        guards.Pattern(one.name, one.pattern, one.action if policy.enforced else "Monitor", policy.label)
        for policy in policies
        for one in sorted(_denied(policy, side), key=lambda one: one.name)
    )


def _denied(policy: Policy, side: Side) -> tuple[api.DenyPattern, ...]:
    return policy.input.deny_patterns if side == "Input" else policy.output.deny_patterns


def _binary_parts(policies: Sequence[Policy]) -> Literal["Allow", "Monitor", "Block"]:
    refusing = [policy for policy in policies if policy.input.binary_parts == "Block"]
    if not refusing:
        return "Allow"
    return "Block" if any(policy.enforced for policy in refusing) else "Monitor"


def _token_limits(policies: Sequence[Policy]) -> tuple[guards.TokenLimit, ...]:
    """The smallest that is enforced, and a smaller one that is only watched."""
    limits = [(policy.enforced, policy.input.max_input_tokens) for policy in policies]
    enforced = min((most for binds, most in limits if binds and most is not UNSET), default=None)
    watched = min((most for binds, most in limits if not binds and most is not UNSET), default=None)
    found = []
    if watched is not None and (enforced is None or watched < enforced):
        found.append(guards.TokenLimit(watched, "Monitor"))
    if enforced is not None:
        found.append(guards.TokenLimit(enforced, "Block"))
    return tuple(found)


def _schemas(policies: Sequence[Policy]) -> tuple[guards.AnswerSchema, ...]:
    return tuple(
        guards.AnswerSchema(
            policy=policy.label,
            on_violation=asked.on_violation if policy.enforced else "Monitor",
            strict=asked.strict and policy.enforced,
            schema=None if asked.schema is UNSET else asked.schema,
        )
        for policy in policies
        for asked in (policy.output.json_schema,)
        if asked is not UNSET
    )


def _fail_open(policies: Sequence[Policy]) -> bool:
    binding = [policy for policy in policies if policy.enforced and _binds(policy)]
    return bool(binding) and all(policy.fail_open for policy in binding)


def _binds(policy: Policy) -> bool:
    """Whether a check of an enforced policy that is about neither entities nor injection may change a call."""
    denied = (*policy.input.deny_patterns, *policy.output.deny_patterns)
    return (
        policy.input.binary_parts == "Block"
        or policy.input.max_input_tokens is not UNSET
        or policy.output.json_schema is not UNSET
        or any(one.action != "Monitor" for one in denied)
    )
