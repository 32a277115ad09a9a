{{/*
What the schema cannot say in a sentence. All problems are said at once.
*/}}
{{- define "gatehouse.check" -}}
{{- $problems := concat (include "gatehouse.checkIssuer" . | fromYamlArray) (include "gatehouse.checkStore" . | fromYamlArray) (include "gatehouse.checkExpose" . | fromYamlArray) (include "gatehouse.checkPeople" . | fromYamlArray) (include "gatehouse.checkNamespaces" . | fromYamlArray) -}}
{{- if $problems -}}
{{- fail (printf "\n\nthe values of the chart cannot be used:\n  %s\n" (join "\n  " $problems)) -}}
{{- end -}}
{{- end -}}

{{/* gatehouse.issuerFits says "true" where the issuer is a host with or without a port. */}}
{{- define "gatehouse.issuerFits" -}}
{{- if regexMatch "^https://([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|[[][0-9A-Fa-f:.]+[]])(:[0-9]{1,5})?$" .Values.issuer -}}true{{- end -}}
{{- end -}}

{{- define "gatehouse.checkIssuer" -}}
{{- $issuer := .Values.issuer -}}
{{- if not $issuer }}
- "issuer: it is missing; set it to the address under which browsers and applications will reach the authorization server: https://HOST"
{{- else if eq (lower (urlParse $issuer).hostname) "auth.example.com" }}
- "issuer: it is still that of the example; set it to the address under which browsers and applications will reach your authorization server: https://HOST"
{{- else if not (include "gatehouse.issuerFits" .) }}
- {{ printf "issuer: %q must be https://HOST or https://HOST:PORT and nothing after it, also where a proxy ends TLS" $issuer | quote }}
{{- end }}
{{- end -}}

{{- define "gatehouse.checkStore" -}}
{{- $postgres := .Values.postgres -}}
{{- if and .Values.highAvailability (not $postgres.host) }}
- "postgres.host: it is missing; with highAvailability the data is in PostgreSQL, and all replicas need its address"
{{- end }}
{{- if and (not .Values.highAvailability) $postgres.host }}
- "postgres.host: it is set, but highAvailability is false and the data would be in SQLite; set highAvailability to true, or leave the host out"
{{- end }}
{{- if gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas) }}
- "autoscaling.minReplicas: it must not be more than maxReplicas"
{{- end }}
{{- end -}}

{{- define "gatehouse.checkExpose" -}}
{{- $expose := .Values.expose -}}
{{- $plain := include "gatehouse.plainHTTP" . -}}
{{- if and $plain (not .Values.config.trustedProxies) }}
- {{ printf "config.trustedProxies: it is missing; with expose.type %s a proxy ends TLS, and without its networks here all people together have one address and get what one address may have" $expose.type | quote }}
{{- end }}
{{- if and (has $expose.type (list "HTTPRoute" "TLSRoute")) (not $expose.gateway.parentRefs) }}
- {{ printf "expose.gateway.parentRefs: it is missing; name the Gateway of the %s, as in [{name: public, namespace: gateways}]" $expose.type | quote }}
{{- end }}
{{- if .Values.tls.certManager.enabled }}
{{- if not .Values.tls.certManager.issuerRef.name }}
- "tls.certManager.issuerRef.name: it is missing; name the Issuer or ClusterIssuer that signs the certificate"
{{- end }}
{{- if and $plain (eq $expose.type "HTTPRoute") }}
- "tls.certManager.enabled: with expose.type HTTPRoute the Gateway ends TLS and nobody would use the certificate; make one for the Gateway, or set expose.backendProtocol to HTTPS"
{{- end }}
{{- end }}
{{- end -}}

{{- define "gatehouse.checkPeople" -}}
{{- if and .Values.users.list (not (include "gatehouse.usersFile" .)) }}
- "users.list: no source in config.identity.sources reads the users file; add one with usersFile.path /etc/gatehouse/users/users.yaml, or leave the list out"
{{- end }}
{{- if not (include "gatehouse.idFromName" .) }}
{{- range $index, $person := .Values.users.list }}
{{- if not $person.id }}
- {{ printf "users.list[%d].id: it is missing; give %s one that nobody else ever gets" $index $person.name | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- $names := list "config" "users" "tls" "postgres" "policy" "data" "tmp" -}}
{{- range .Values.mounts }}
{{- if has .name $names }}
- {{ printf "mounts: the name %s is there already; give this one another" .name | quote }}
{{- end }}
{{- $names = append $names .name }}
{{- end }}
{{- end -}}

{{- define "gatehouse.checkNamespaces" -}}
{{- if and .Values.namespaces.list .Values.policies }}
- "policies: with namespaces.list the programs may read no OAuthClientPolicy; say in namespaces.policy what the namespaces may use"
{{- end }}
{{- if and .Values.namespaces.policy (not .Values.namespaces.list) }}
- "namespaces.policy: it is set, but namespaces.list is empty; without a list the OAuthClientPolicies of the cluster count (policies)"
{{- end }}
{{- if and .Values.policies (not .Values.sharedObjects) }}
- "policies: with sharedObjects false another installation brings the policies of the cluster; set them there"
{{- end }}
{{- if and .Values.secretTypes .Values.namespaces.list }}
- "secretTypes: with namespaces.list an administrator applies the ValidatingAdmissionPolicy gatehouse-operator-secrets (config/rbac/operator_secrets.yaml), and the chart does not; add the types to its variable types, and leave them out here"
{{- else if and .Values.secretTypes (not .Values.sharedObjects) }}
- "secretTypes: with sharedObjects false another installation brings the ValidatingAdmissionPolicy gatehouse-operator-secrets of the cluster; set them there"
{{- end }}
{{- end -}}
