"""The compiler: one namespace's objects to one snapshot and a verdict on each object. Pure and deterministic."""

from turnout_operator.compile.build import compile_namespace
from turnout_operator.compile.inputs import Broken, Defaults, Inputs, read
from turnout_operator.compile.result import ConditionValue, Problem, Result, Verdict
from turnout_operator.compile.support import UNSUPPORTED

__all__ = [
    "UNSUPPORTED",
    "Broken",
    "ConditionValue",
    "Defaults",
    "Inputs",
    "Problem",
    "Result",
    "Verdict",
    "compile_namespace",
    "read",
]
