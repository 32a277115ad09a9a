{{/*
The Deployments of both programs, as config has them, changed to what the values say.
*/}}

{{/* gatehouse.image is the image of both programs. The tags of images are those of the releases, such as v0.1.0; versions of charts have no v. */}}
{{- define "gatehouse.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default (printf "v%s" $.Chart.AppVersion) }}{{ end }}
{{- end -}}
{{- end -}}

{{/* gatehouse.pods changes what the pods of both programs have; .program are the values of one. */}}
{{- define "gatehouse.pods" -}}
{{- $values := .root.Values -}}
{{- $template := .object.spec.template -}}
{{- $pod := $template.spec -}}
{{- $container := first $pod.containers -}}
{{- $_ := set $container "image" (include "gatehouse.image" .root) -}}
{{- $_ := set $container "imagePullPolicy" $values.image.pullPolicy -}}
{{- if $values.image.pullSecrets -}}
{{- $secrets := list -}}
{{- range $values.image.pullSecrets -}}{{- $secrets = append $secrets (dict "name" .) -}}{{- end -}}
{{- $_ := set $pod "imagePullSecrets" $secrets -}}
{{- end -}}
{{- include "gatehouse.overlay" (dict "onto" $container.resources "with" .program.resources) -}}
{{- $_ := set $container "env" (concat ($container.env | default list) .program.env) -}}
{{- range $key := list "nodeSelector" "tolerations" "priorityClassName" -}}
{{- with get $.program $key }}{{- $_ := set $pod $key . -}}{{- end -}}
{{- end -}}
{{- with .program.podLabels -}}{{- $_ := set $template.metadata "labels" (merge $template.metadata.labels .) -}}{{- end -}}
{{- with .program.podAnnotations -}}
{{- $_ := set $template.metadata "annotations" (merge (get $template.metadata "annotations" | default dict) .) -}}
{{- end -}}
{{- if include "gatehouse.noAdmin" .root -}}{{- include "gatehouse.withoutAdmin" (dict "pod" $pod) -}}{{- end -}}
{{- $args := $container.args -}}
{{- with $values.className }}{{- $args = append $args (printf "--class=%s" .) -}}{{- end -}}
{{- if $values.namespaces.list -}}
{{- $args = append $args (printf "--namespaces=%s" (join "," $values.namespaces.list)) -}}
{{- $args = append $args "--policy-file=/etc/gatehouse/policy/policy.yaml" -}}
{{- include "gatehouse.mount" (dict "pod" $pod "name" "policy" "volume" (dict "configMap" (dict "name" "gatehouse-policy"))) -}}
{{- include "gatehouse.checksum" (dict "template" $template "of" "policy" "text" (include "gatehouse.policy" .root)) -}}
{{- end -}}
{{- $_ := set $container "args" $args -}}
{{- end -}}

{{/* gatehouse.mount mounts a volume at /etc/gatehouse/NAME. */}}
{{- define "gatehouse.mount" -}}
{{- $container := first .pod.containers -}}
{{- $mount := dict "name" .name "mountPath" (printf "/etc/gatehouse/%s" .name) "readOnly" true -}}
{{- $_ := set $container "volumeMounts" (append ($container.volumeMounts | default list) $mount) -}}
{{- $_ := set .pod "volumes" (append (.pod.volumes | default list) (merge (dict "name" .name) .volume)) -}}
{{- end -}}

{{/* gatehouse.unmount takes a volume out of a pod. */}}
{{- define "gatehouse.unmount" -}}
{{- range $holder := list (dict "at" (first .pod.containers) "key" "volumeMounts") (dict "at" .pod "key" "volumes") -}}
{{- $kept := list -}}
{{- range get $holder.at $holder.key -}}
{{- if ne .name $.name -}}{{- $kept = append $kept . -}}{{- end -}}
{{- end -}}
{{- if $kept -}}{{- $_ := set $holder.at $holder.key $kept -}}{{- else -}}{{- $_ := unset $holder.at $holder.key -}}{{- end -}}
{{- end -}}
{{- end -}}

{{/* gatehouse.withoutAdmin takes the admin endpoint out of a pod: arguments, ports and volumes of config/admin. */}}
{{- define "gatehouse.withoutAdmin" -}}
{{- $container := first .pod.containers -}}
{{- $args := list -}}
{{- range $container.args -}}{{- if not (hasPrefix "--admin-" .) -}}{{- $args = append $args . -}}{{- end -}}{{- end -}}
{{- $_ := set $container "args" $args -}}
{{- $ports := list -}}
{{- range $container.ports -}}{{- if ne .name "admin" -}}{{- $ports = append $ports . -}}{{- end -}}{{- end -}}
{{- $_ := set $container "ports" $ports -}}
{{- range $volume := .pod.volumes -}}
{{- if hasPrefix "admin-" $volume.name -}}{{- include "gatehouse.unmount" (dict "pod" $.pod "name" $volume.name) -}}{{- end -}}
{{- end -}}
{{- end -}}

{{/* gatehouse.checksum rolls the pods when a text changes that they read once. */}}
{{- define "gatehouse.checksum" -}}
{{- $annotations := get .template.metadata "annotations" | default dict -}}
{{- $_ := set $annotations (printf "checksum/%s" .of) (sha256sum .text) -}}
{{- $_ := set .template.metadata "annotations" $annotations -}}
{{- end -}}

{{/* gatehouse.operator changes the Deployment of the operator. */}}
{{- define "gatehouse.operator" -}}
{{- $_ := set .object.spec "replicas" (int .root.Values.operator.replicas) -}}
{{- range .object.spec.template.spec.volumes -}}
{{- if eq .name "admin-ca" -}}{{- $_ := set .secret "secretName" $.root.Values.tls.secretName -}}{{- end -}}
{{- end -}}
{{- include "gatehouse.pods" (dict "root" .root "object" .object "program" .root.Values.operator) -}}
{{- end -}}

{{/* gatehouse.authserver changes the Deployment of the authorization server. */}}
{{- define "gatehouse.authserver" -}}
{{- $values := .root.Values -}}
{{- $spec := .object.spec -}}
{{- $pod := $spec.template.spec -}}
{{- if $values.highAvailability -}}
{{- if not $values.autoscaling.enabled -}}{{- $_ := set $spec "replicas" (int $values.authserver.replicas) -}}{{- end -}}
{{- else if $values.persistence.existingClaim -}}
{{- range $pod.volumes -}}
{{- if eq .name "data" -}}{{- $_ := set .persistentVolumeClaim "claimName" $values.persistence.existingClaim -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- range $pod.volumes -}}
{{- if eq .name "users" -}}{{- $_ := set .secret "secretName" $values.users.secretName -}}{{- end -}}
{{- if eq .name "tls" -}}{{- $_ := set .secret "secretName" $values.tls.secretName -}}{{- end -}}
{{- if eq .name "postgres" -}}{{- $_ := set .secret "secretName" $values.postgres.secretName -}}{{- end -}}
{{- end -}}
{{- if include "gatehouse.plainHTTP" .root -}}{{- include "gatehouse.unmount" (dict "pod" $pod "name" "tls") -}}{{- end -}}
{{- if not (include "gatehouse.usersFile" .root) -}}{{- include "gatehouse.unmount" (dict "pod" $pod "name" "users") -}}{{- end -}}
{{- range $values.mounts -}}
{{- $volume := dict -}}
{{- if .secret -}}
{{- $volume = dict "secret" (dict "secretName" .secret "defaultMode" 0o440) -}}
{{- else -}}
{{- $volume = dict "configMap" (dict "name" .configMap) -}}
{{- end -}}
{{- include "gatehouse.mount" (dict "pod" $pod "name" .name "volume" $volume) -}}
{{- end -}}
{{- include "gatehouse.pods" (dict "root" .root "object" .object "program" $values.authserver) -}}
{{- include "gatehouse.checksum" (dict "template" $spec.template "of" "config" "text" (include "gatehouse.config" .root)) -}}
{{- end -}}
