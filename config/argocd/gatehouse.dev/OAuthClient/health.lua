-- Health of an OAuthClient or a ResourceServer, as kstatus sees it.
-- Healthy: Ready is True. Degraded: only a person can help. Progressing: everything else.
-- A suspended object is Healthy: its wish is fulfilled. Suspended would hold up a sync with waves.
local hs = { status = "Progressing", message = "The operator has not seen this object yet." }

if obj.metadata.deletionTimestamp ~= nil then
  hs.message = "The object is being deleted."
  return hs
end
local status = obj.status or {}
if status.observedGeneration ~= obj.metadata.generation then
  if status.observedGeneration ~= nil and status.observedGeneration > 0 then
    hs.message = "The operator has not seen the newest spec yet."
  end
  return hs
end

local conditions = {}
for _, condition in ipairs(status.conditions or {}) do
  conditions[condition.type] = condition
end
local ready = conditions["Ready"]
local stalled = conditions["Stalled"]
local reconciling = conditions["Reconciling"]
if reconciling ~= nil and reconciling.status == "True" then
  hs.message = reconciling.message
elseif stalled ~= nil and stalled.status == "True" then
  hs.status = "Degraded"
  hs.message = stalled.message
elseif ready ~= nil then
  hs.message = ready.message
  if ready.status == "True" then
    hs.status = "Healthy"
  end
end
return hs
