-- An OAuthClientPolicy has no status: it counts as soon as it exists.
if obj.metadata.deletionTimestamp ~= nil then
  return { status = "Progressing", message = "The object is being deleted." }
end
return { status = "Healthy", message = "The policy is in force." }
