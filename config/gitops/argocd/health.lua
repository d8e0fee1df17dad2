-- Health of Wukong, HostUplink, HostNetwork, AddressPool and AddressReservation, as their status has it.
-- Argo CD gives a custom script no libraries but base and table.

local function is(health, message)
  return {status = health, message = message}
end

local function says(health, condition)
  return is(health, condition.reason .. ": " .. (condition.message or ""))
end

if obj.metadata.deletionTimestamp ~= nil then
  return is("Progressing", "is being deleted")
end

-- With management: External, paused has no effect.
local spec = obj.spec or {}
if spec.paused == true and spec.management ~= "External" then
  return is("Suspended", "spec.paused holds changes of hosts back")
end

local status = obj.status
if status == nil or status.observedGeneration ~= obj.metadata.generation then
  return is("Progressing", "the controller has not looked at this generation yet")
end

local present = {}
for _, condition in ipairs(status.conditions or {}) do
  if condition.status == "True" or condition.type == "Ready" then
    present[condition.type] = condition
  end
end

local stalled, reconciling, ready = present.Stalled, present.Reconciling, present.Ready
if stalled ~= nil and stalled.reason == "Paused" then
  return says("Suspended", stalled)
elseif stalled ~= nil then
  return says("Degraded", stalled)
elseif reconciling ~= nil then
  return says("Progressing", reconciling)
elseif ready ~= nil and ready.status == "True" then
  return says("Healthy", ready)
elseif ready ~= nil and ready.status == "False" then
  return says("Degraded", ready)
end
return is("Progressing", "the controller has not said whether it is ready")
