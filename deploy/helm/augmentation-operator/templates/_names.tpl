{{- /*
Names and labels. Objects of a release are called <fullname>-operator, <fullname>-gateway and so on, those of the whole
cluster too, so that releases live side by side. With the release name `augmentation` (or `augmentation-operator`) that
is augmentation-operator and augmentation-gateway.
*/}}
{{- define "augmentation.fullname" -}}
{{- $name := .Values.nameOverride | default "augmentation" }}
{{- $release := trimSuffix "-operator" .Release.Name }}
{{- $combined := contains $name $release | ternary $release (printf "%s-%s" $release $name) }}
{{- .Values.fullnameOverride | default $combined | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- /* The name of a part: (dict "root" . "component" "operator"). */}}
{{- define "augmentation.name" -}}
{{ include "augmentation.fullname" .root }}-{{ .component }}
{{- end }}

{{- define "augmentation.selector" -}}
app.kubernetes.io/name: {{ .root.Values.nameOverride | default "augmentation" }}-{{ .component }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end }}

{{- define "augmentation.labels" -}}
{{- $labels := include "augmentation.selector" . | fromYaml }}
{{- $_ := set $labels "app.kubernetes.io/component" .component }}
{{- $_ := set $labels "app.kubernetes.io/part-of" "augmentation-operator" }}
{{- $_ := set $labels "app.kubernetes.io/version" .root.Chart.AppVersion }}
{{- $_ := set $labels "app.kubernetes.io/managed-by" .root.Release.Service }}
{{- merge $labels .root.Values.commonLabels | toYaml }}
{{- end }}

{{- /* Metadata of an object of the release's namespace; "name" replaces the part's own. */}}
{{- define "augmentation.metadata" -}}
name: {{ .name | default (include "augmentation.name" .) }}
namespace: {{ .root.Release.Namespace }}
labels: {{- include "augmentation.labels" . | nindent 2 }}
{{- end }}

{{- define "augmentation.serviceAccountName" -}}
{{- $account := (index .root.Values .component).serviceAccount }}
{{- $account.name | default ($account.create | ternary (include "augmentation.name" .) "default") }}
{{- end }}

{{- /* A subject of a binding: the program's service account. */}}
{{- define "augmentation.subject" -}}
- {kind: ServiceAccount, name: {{ include "augmentation.serviceAccountName" . }}, namespace: {{ .root.Release.Namespace }}}
{{- end }}

{{- /* As whom the API server knows the program. */}}
{{- define "augmentation.username" -}}
system:serviceaccount:{{ .root.Release.Namespace }}:{{ include "augmentation.serviceAccountName" . }}
{{- end }}

{{- define "augmentation.gatewayPort" -}}
{{- .Values.gateway.service.port | default (ternary 443 80 (not (empty .Values.gateway.tls.secretName))) }}
{{- end }}
