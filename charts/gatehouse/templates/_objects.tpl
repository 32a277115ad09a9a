{{/*
The objects of config, as hack/generate.sh wrote them into files. A template cannot return objects, so what is found or changed
is put into the dict that the caller brings.
*/}}

{{/* gatehouse.load puts the objects of a file, in the namespace of the release and with its issuer, into .into.objects. */}}
{{- define "gatehouse.load" -}}
{{- $objects := list -}}
{{- $text := .root.Files.Get .file | replace "gatehouse-system" .root.Release.Namespace -}}
{{- if include "gatehouse.issuerFits" .root -}}{{- $text = replace "https://auth.example.com" .root.Values.issuer $text -}}{{- end -}}
{{- range regexSplit "(?m)^---$" $text -1 -}}
{{- $object := fromYaml . -}}
{{- if hasKey $object "Error" -}}{{- fail (printf "%s of the chart cannot be read: %s" $.file $object.Error) -}}{{- end -}}
{{- if $object -}}{{- $objects = append $objects $object -}}{{- end -}}
{{- end -}}
{{- $_ := set .into "objects" $objects -}}
{{- end -}}

{{/* gatehouse.labels are those that the chart gives to each of its objects. */}}
{{- define "gatehouse.labels" -}}
app.kubernetes.io/name: gatehouse
app.kubernetes.io/part-of: gatehouse
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* gatehouse.write writes an object with the labels of the chart. */}}
{{- define "gatehouse.write" -}}
{{- $labels := include "gatehouse.labels" .root | fromYaml -}}
{{- range $key, $value := .object.metadata.labels -}}{{- $_ := set $labels $key $value -}}{{- end -}}
{{- $_ := set .object.metadata "labels" $labels }}
---
{{ toYaml .object }}
{{- end -}}

{{/* gatehouse.overlay sets the keys of .with in .onto, and of groups of keys those that are in them. An empty text, a zero and a
list take the place of what was there. */}}
{{- define "gatehouse.overlay" -}}
{{- range $key, $value := .with -}}
{{- if and (kindIs "map" $value) (kindIs "map" (get $.onto $key)) -}}
{{- range $inner, $v := $value -}}{{- $_ := set (get $.onto $key) $inner $v -}}{{- end -}}
{{- else -}}
{{- $_ := set $.onto $key $value -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* gatehouse.change makes of an object of config what the values say, in .object; .omit says that it is not wanted. */}}
{{- define "gatehouse.change" -}}
{{- $object := .object -}}
{{- $values := .root.Values -}}
{{- $name := printf "%s %s" $object.kind $object.metadata.name -}}
{{- if eq $name "Deployment gatehouse-operator" -}}
{{- include "gatehouse.operator" . -}}
{{- else if eq $name "Deployment gatehouse-authserver" -}}
{{- include "gatehouse.authserver" . -}}
{{- else if eq $name "ConfigMap gatehouse-authserver" -}}
{{- $_ := set $object "data" (dict "authserver.yaml" (include "gatehouse.config" .root)) -}}
{{- else if eq $name "Service gatehouse-authserver" -}}
{{- include "gatehouse.service" . -}}
{{- else if eq $object.kind "NetworkPolicy" -}}
{{- include "gatehouse.networkPolicy" . -}}
{{- else if eq $object.kind "PersistentVolumeClaim" -}}
{{- $_ := set $object.metadata "annotations" (dict "helm.sh/resource-policy" "keep") -}}
{{- $_ := set $object.spec.resources.requests "storage" $values.persistence.size -}}
{{- with $values.persistence.storageClassName }}{{- $_ := set $object.spec "storageClassName" . -}}{{- end -}}
{{- if $values.persistence.existingClaim -}}{{- $_ := set . "omit" true -}}{{- end -}}
{{- else if eq $object.kind "HorizontalPodAutoscaler" -}}
{{- $_ := set $object.spec "minReplicas" $values.autoscaling.minReplicas -}}
{{- $_ := set $object.spec "maxReplicas" $values.autoscaling.maxReplicas -}}
{{- if not $values.autoscaling.enabled -}}{{- $_ := set . "omit" true -}}{{- end -}}
{{- else if eq $name "OAuthClientPolicy default" -}}
{{- if hasKey $values.policies "default" -}}{{- $_ := set . "omit" true -}}{{- end -}}
{{- else if eq $name "ValidatingAdmissionPolicy gatehouse-operator-secrets" -}}
{{- include "gatehouse.secretTypes" . -}}
{{- end -}}
{{- include "gatehouse.scope" . -}}
{{- if and (include "gatehouse.noAdmin" .root) (regexMatch "^gatehouse-(operator|authserver)-admin$" .object.metadata.name) -}}
{{- $_ := set . "omit" true -}}
{{- end -}}
{{- end -}}

{{/* gatehouse.scope leaves out what has no namespace where only chosen namespaces are served, and what another installation of
the cluster brings; the roles of a class have names of their own. */}}
{{- define "gatehouse.scope" -}}
{{- $values := .root.Values -}}
{{- $own := regexMatch "^gatehouse-(operator|authserver)(-|$)" .object.metadata.name -}}
{{- if has .object.kind (list "ClusterRole" "ClusterRoleBinding" "OAuthClientPolicy" "ValidatingAdmissionPolicy" "ValidatingAdmissionPolicyBinding") -}}
{{- if $values.namespaces.list -}}
{{- $_ := set . "omit" true -}}
{{- else if and (has .object.kind (list "ClusterRole" "ClusterRoleBinding")) $own -}}
{{- with $values.className -}}
{{- $_ := set $.object.metadata "name" (printf "%s-%s" $.object.metadata.name .) -}}
{{- with $.object.roleRef }}{{- $_ := set . "name" $.object.metadata.name -}}{{- end -}}
{{- end -}}
{{- else if not $values.sharedObjects -}}
{{- $_ := set . "omit" true -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* gatehouse.secretTypes lets the operator write Secrets of more types. */}}
{{- define "gatehouse.secretTypes" -}}
{{- range .object.spec.variables -}}
{{- if and (eq .name "types") $.root.Values.secretTypes -}}
{{- $_ := set . "expression" (printf "%s + ['%s']" .expression (join "', '" $.root.Values.secretTypes)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* gatehouse.service is how the server is reached inside the cluster, or by a load balancer. */}}
{{- define "gatehouse.service" -}}
{{- $spec := .object.spec -}}
{{- $expose := .root.Values.expose -}}
{{- with $expose.serviceAnnotations }}{{- $_ := set $.object.metadata "annotations" . -}}{{- end -}}
{{- if eq $expose.type "LoadBalancer" -}}
{{- with $expose.loadBalancer.class }}{{- $_ := set $spec "loadBalancerClass" . -}}{{- end -}}
{{- with $expose.loadBalancer.sourceRanges }}{{- $_ := set $spec "loadBalancerSourceRanges" . -}}{{- end -}}
{{- else -}}
{{- $_ := set $spec "type" "ClusterIP" -}}
{{- $_ := unset $spec "externalTrafficPolicy" -}}
{{- end -}}
{{- range $spec.ports -}}
{{- if eq .name "https" -}}
{{- $_ := set . "port" (include "gatehouse.port" $.root | int) -}}
{{- if include "gatehouse.plainHTTP" $.root }}{{- $_ := set . "name" "http" -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* gatehouse.networkPolicy has the ports of the API server and of PostgreSQL, and what else a program may call. */}}
{{- define "gatehouse.networkPolicy" -}}
{{- $values := .root.Values -}}
{{- $spec := .object.spec -}}
{{- range $rule := $spec.egress -}}
{{- $ports := list -}}
{{- range $rule.ports -}}{{- $ports = append $ports (int .port) -}}{{- end -}}
{{- if has 6443 $ports -}}
{{- $api := list -}}
{{- range $values.apiServer.ports -}}{{- $api = append $api (dict "port" (int .) "protocol" "TCP") -}}{{- end -}}
{{- $_ := set $rule "ports" $api -}}
{{- else if has 5432 $ports -}}
{{- $_ := set $rule "ports" (list (dict "port" (int $values.postgres.port) "protocol" "TCP")) -}}
{{- end -}}
{{- end -}}
{{- range $spec.ingress -}}
{{- range .from -}}
{{- if and (dig "namespaceSelector" "matchLabels" "metrics" "" .) $values.networkPolicy.metricsNamespaceLabels -}}
{{- $_ := set .namespaceSelector "matchLabels" $values.networkPolicy.metricsNamespaceLabels -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $more := dict "gatehouse-operator" $values.networkPolicy.operatorEgress "gatehouse-authserver" $values.networkPolicy.authserverEgress -}}
{{- with get $more .object.metadata.name }}{{- $_ := set $spec "egress" (concat $spec.egress .) -}}{{- end -}}
{{- if not $values.networkPolicy.enabled -}}{{- $_ := set . "omit" true -}}{{- end -}}
{{- end -}}
