{{- /*
How operator and gateway reach what is outside the cluster: caBundle and proxy of the values. Classes take both as
defaults (classes.yaml); for workers the operator does the same (manifests/worker_pod.py).
*/}}
{{- define "augmentation.outboundEnv" -}}
{{- $env := list }}
{{- with .Values.caBundle }}
{{- $env = append $env (dict "name" "AUGMENTATION_CA_BUNDLE" "value" "/run/ca-bundle/ca.crt") }}
{{- end }}
{{- with .Values.proxy }}
{{- /* The Kubernetes API and the cluster's own names are reached directly; the kubelet fills in the address. */}}
{{- $except := concat (.noProxy | default list) (list "$(KUBERNETES_SERVICE_HOST)" "localhost" "127.0.0.1" "::1" ".svc" ".cluster.local") }}
{{- $variables := dict "HTTP_PROXY" .http "HTTPS_PROXY" .https "NO_PROXY" (join "," $except) }}
{{- range $name, $value := $variables }}
{{- if $value }}
{{- $env = append $env (dict "name" $name "value" $value) }}
{{- $env = append $env (dict "name" (lower $name) "value" $value) }}
{{- end }}
{{- end }}
{{- end }}
{{- toYaml $env }}
{{- end }}

{{- define "augmentation.caBundleVolume" -}}
{{- with .Values.caBundle }}
- name: ca-bundle
  {{- if .secret }}
  secret: {secretName: {{ .secret.name }}, items: [{key: {{ .secret.key | default "ca.crt" }}, path: ca.crt}]}
  {{- else if .configMap }}
  configMap: {name: {{ .configMap.name }}, items: [{key: {{ .configMap.key | default "ca.crt" }}, path: ca.crt}]}
  {{- else }}
  configMap: {name: {{ include "augmentation.fullname" $ }}-ca-bundle}
  {{- end }}
{{- end }}
{{- end }}

{{- define "augmentation.caBundleMount" -}}
{{- with .Values.caBundle }}
- {name: ca-bundle, mountPath: /run/ca-bundle, readOnly: true}
{{- end }}
{{- end }}
