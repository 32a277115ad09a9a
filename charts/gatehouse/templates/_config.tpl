{{/*
The configuration of the authorization server: what config has, with the values of `config` on top.
*/}}

{{/* gatehouse.base puts the configuration that config has into .into.config. */}}
{{- define "gatehouse.base" -}}
{{- $all := dict -}}
{{- include "gatehouse.load" (dict "root" .root "file" (include "gatehouse.file" .root) "into" $all) -}}
{{- range $all.objects -}}
{{- if and (eq .kind "ConfigMap") (eq .metadata.name "gatehouse-authserver") -}}
{{- $_ := set $.into "config" (index .data "authserver.yaml" | fromYaml) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* gatehouse.file is the file with the objects of this kind of installation. */}}
{{- define "gatehouse.file" -}}
{{ ternary "files/ha.yaml" "files/default.yaml" .Values.highAvailability }}
{{- end -}}

{{/* gatehouse.config is the content of authserver.yaml. */}}
{{- define "gatehouse.config" -}}
{{- $base := dict -}}
{{- include "gatehouse.base" (dict "root" . "into" $base) -}}
{{- $config := $base.config -}}
{{- include "gatehouse.overlay" (dict "onto" $config "with" .Values.config) -}}
{{- if include "gatehouse.plainHTTP" . -}}
{{- $_ := unset $config "tls" -}}
{{- $_ := set $config "plainHTTP" true -}}
{{- end -}}
{{- if .Values.highAvailability -}}
{{- with .Values.postgres -}}
{{- $parameters := .parameters | default (regexReplaceAll "^[^?]*[?]" $config.store "") -}}
{{- $_ := set $config "store" (printf "postgres://%s@%s:%d/%s?%s" .user .host (int .port) .database $parameters) -}}
{{- end -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}

{{/* gatehouse.usersFile says "true" where a source of people is the users file of the chart. */}}
{{- define "gatehouse.usersFile" -}}
{{- $config := include "gatehouse.config" . | fromYaml -}}
{{- $found := "" -}}
{{- range $config.identity.sources -}}
{{- if hasPrefix "/etc/gatehouse/users/" (dig "usersFile" "path" "" .) -}}{{- $found = "true" -}}{{- end -}}
{{- end -}}
{{- $found -}}
{{- end -}}

{{/* gatehouse.idFromName says "true" where the source that reads the users file takes names for IDs. */}}
{{- define "gatehouse.idFromName" -}}
{{- $config := include "gatehouse.config" . | fromYaml -}}
{{- range $config.identity.sources -}}
{{- if and (hasPrefix "/etc/gatehouse/users/" (dig "usersFile" "path" "" .)) (dig "usersFile" "idFromName" false .) -}}true{{- end -}}
{{- end -}}
{{- end -}}

{{/* gatehouse.policy is the policy of the chosen namespaces. */}}
{{- define "gatehouse.policy" -}}
{{- if .Values.namespaces.policy -}}
{{- toYaml .Values.namespaces.policy -}}
{{- else -}}
{{- .Files.Get "files/namespaced-policy.yaml" -}}
{{- end -}}
{{- end -}}

{{/* gatehouse.plainHTTP says "true" where a proxy ends TLS and speaks HTTP to the server. */}}
{{- define "gatehouse.plainHTTP" -}}
{{- if and (has .Values.expose.type (list "Ingress" "HTTPRoute")) (eq .Values.expose.backendProtocol "HTTP") -}}true{{- end -}}
{{- end -}}

{{/* gatehouse.noAdmin says "true" where there can be no admin endpoint: its callers are proven by reviews of the whole cluster, and it
has the certificate of the server. */}}
{{- define "gatehouse.noAdmin" -}}
{{- if or .Values.namespaces.list (include "gatehouse.plainHTTP" .) -}}true{{- end -}}
{{- end -}}

{{/* gatehouse.port is the port of the Service. */}}
{{- define "gatehouse.port" -}}
{{- with .Values.expose.port -}}{{ int . }}{{- else -}}{{- if include "gatehouse.plainHTTP" . -}}80{{- else -}}443{{- end -}}{{- end -}}
{{- end -}}

{{/* gatehouse.host is the host of the issuer, without a port. */}}
{{- define "gatehouse.host" -}}
{{- (urlParse .Values.issuer).hostname -}}
{{- end -}}
