-- Health of NodeNetworkConfigurationPolicy, for Argo CD before 3.4, which knows the kind itself.
-- A policy's status does not say which generation it speaks of: right after an edit it still tells of the policy before.

local function is(health, message)
  return {status = health, message = message or ""}
end

if obj.metadata.deletionTimestamp ~= nil then
  return is("Progressing", "is being deleted")
end

local holds = {}
for _, condition in ipairs((obj.status or {}).conditions or {}) do
  if condition.status == "True" then
    holds[condition.type] = condition
  end
end

if holds.Degraded ~= nil then
  return is("Degraded", holds.Degraded.message)
elseif holds.Progressing ~= nil then
  return is("Progressing", holds.Progressing.message)
elseif holds.Available ~= nil then
  return is("Healthy", holds.Available.message)
elseif holds.Ignored ~= nil then
  return is("Healthy", holds.Ignored.message)
end
return is("Progressing", "no node has begun to carry the policy out")
