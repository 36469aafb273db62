{{- define "augmentation.labels" -}}
app.kubernetes.io/name: {{ .component }}
app.kubernetes.io/part-of: augmentation-operator
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- end }}

{{- define "augmentation.selector" -}}
app.kubernetes.io/name: {{ .component }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end }}

{{- define "augmentation.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "augmentation.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- /* Egress rules as lists in JSON, so that they can be joined: DNS, the API server of our own programs, the hubs. */}}
{{- define "augmentation.dnsEgress" -}}
{{- $ports := list (dict "port" 53 "protocol" "UDP") (dict "port" 53 "protocol" "TCP") }}
{{- $rule := dict "ports" $ports }}
{{- with .Values.networkPolicies.dnsPeers }}{{ $_ := set $rule "to" . }}{{ end }}
{{- list $rule | toJson }}
{{- end }}

{{- define "augmentation.programEgress" -}}
{{- $peers := list }}
{{- range .Values.networkPolicies.apiServerCIDRs }}{{ $peers = append $peers (dict "ipBlock" (dict "cidr" .)) }}{{ end }}
{{- $ports := list }}
{{- range .Values.networkPolicies.apiServerPorts }}{{ $ports = append $ports (dict "port" . "protocol" "TCP") }}{{ end }}
{{- $rule := dict "ports" $ports }}
{{- if $peers }}{{ $_ := set $rule "to" $peers }}{{ end }}
{{- append (include "augmentation.dnsEgress" . | fromJsonArray) $rule | toJson }}
{{- end }}

{{- define "augmentation.workersEgress" -}}
{{- $ports := list }}
{{- range .Values.networkPolicies.hubPorts }}{{ $ports = append $ports (dict "port" . "protocol" "TCP") }}{{ end }}
{{- $v4 := list }}
{{- $v6 := list }}
{{- range .Values.networkPolicies.workers.excludedCIDRs }}
{{- if contains ":" . }}{{ $v6 = append $v6 . }}{{ else }}{{ $v4 = append $v4 . }}{{ end }}
{{- end }}
{{- $public := list (dict "ipBlock" (dict "cidr" "0.0.0.0/0" "except" $v4)) (dict "ipBlock" (dict "cidr" "::/0" "except" $v6)) }}
{{- $rules := append (include "augmentation.dnsEgress" . | fromJsonArray) (dict "to" $public "ports" $ports) }}
{{- concat $rules .Values.networkPolicies.workers.extraEgress | toJson }}
{{- end }}

{{- define "augmentation.workersEgressFile" -}}
{{- with .Values.networkPolicies }}
{{- dict "egress" (include "augmentation.workersEgress" $ | fromJsonArray) "apiServerCIDRs" .apiServerCIDRs "apiServerPorts" .apiServerPorts | toJson }}
{{- end }}
{{- end }}

{{- /* Who a pod is, for the API server alone: a token of an hour that is bound to the pod and renewed by the kubelet. */}}
{{- define "augmentation.identityVolume" -}}
- name: identity
  projected:
    defaultMode: 0440
    sources:
      - serviceAccountToken: {path: token, expirationSeconds: 3600}
      - configMap: {name: kube-root-ca.crt, items: [{key: ca.crt, path: ca.crt}]}
      - downwardAPI: {items: [{path: namespace, fieldRef: {fieldPath: metadata.namespace}}]}
{{- end }}

{{- define "augmentation.identityMount" -}}
- {name: identity, mountPath: /var/run/secrets/kubernetes.io/serviceaccount, readOnly: true}
{{- end }}

{{- /* An image of ours, by its name among the values. */}}
{{- define "augmentation.image" -}}
{{- $image := index .root.Values.images .name }}
{{- include "augmentation.requireDigest" (dict "root" .root "image" $image "from" (printf "images.%s" .name)) }}
{{- $image }}
{{- end }}

{{- define "augmentation.requireDigest" -}}
{{- if and .root.Values.images.requireDigests (not (contains "@sha256:" .image)) }}
{{- fail (printf "%s is %s, which may be another image tomorrow: name it by digest (registry/name@sha256:...), or set images.requireDigests to false" .from .image) }}
{{- end }}
{{- end }}

{{- define "augmentation.gatewayPort" -}}
{{- .Values.gateway.service.port | default (ternary 443 80 (not (empty .Values.gateway.tls.secretName))) }}
{{- end }}
