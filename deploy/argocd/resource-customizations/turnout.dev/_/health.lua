-- Health of every kind of turnout.dev for Argo CD, from the conditions that all of them have.
-- Degraded: nothing will heal without a change. Progressing: it may, or nobody has looked at this generation yet.

local function answer(status, message)
  return { status = status, message = message }
end

if obj.metadata.deletionTimestamp ~= nil then
  return answer("Progressing", "Being deleted")
end

local found = {}
if obj.status ~= nil and obj.status.conditions ~= nil then
  for _, condition in ipairs(obj.status.conditions) do
    found[condition.type] = condition
  end
end

for _, name in ipairs({ "Accepted", "ResolvedRefs", "Programmed", "Ready", "Stalled" }) do
  local condition = found[name]
  if condition == nil or condition.observedGeneration ~= obj.metadata.generation then
    return answer("Progressing", "Waiting for the operator")
  end
end

if found.Stalled.status == "True" or found.Accepted.status == "False" then
  return answer("Degraded", found.Accepted.message)
end
if found.Programmed.status == "False" and found.Programmed.reason == "Rejected" then
  return answer("Degraded", found.Programmed.message)
end
if found.Ready.status == "True" then
  return answer("Healthy", found.Ready.message)
end
if found.ResolvedRefs.status ~= "True" then
  return answer("Progressing", found.ResolvedRefs.message)
end
return answer("Progressing", found.Programmed.message)
