{{- /*
What the Deployments of operator and gateway share. Each helper takes a program:
(dict "root" . "component" "operator" "values" .Values.operator). What both need in their environment, as volumes or as
mounts, belongs in augmentation.programEnv, programVolumes and programMounts.
*/}}

{{- define "augmentation.programEnv" -}}
{{- with concat (include "augmentation.outboundEnv" .root | fromYamlArray) .values.extraEnv }}
{{- toYaml . }}
{{- end }}
{{- end }}

{{- define "augmentation.programVolumes" -}}
{{- include "augmentation.identityVolume" . }}
{{- include "augmentation.caBundleVolume" .root }}
{{- with .values.volumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "augmentation.programMounts" -}}
{{- include "augmentation.identityMount" . }}
{{- include "augmentation.caBundleMount" .root }}
{{- with .values.volumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "augmentation.serviceAccount" -}}
{{- if .values.serviceAccount.create }}
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- include "augmentation.metadata" (merge (dict "name" (include "augmentation.serviceAccountName" .)) .) | nindent 2 }}
  {{- with .values.serviceAccount.annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
automountServiceAccountToken: false
---
{{- end }}
{{- end }}

{{- /* Of a Deployment: metadata. */}}
{{- define "augmentation.deploymentMetadata" -}}
{{- include "augmentation.metadata" . }}
{{- with .values.annotations }}
annotations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* Of a Deployment: how many pods, how they are replaced, which they are. */}}
{{- define "augmentation.rollout" -}}
replicas: {{ .values.replicas }}
{{- with .values.strategy }}
strategy: {{- toYaml . | nindent 2 }}
{{- end }}
selector:
  matchLabels: {{- include "augmentation.selector" . | nindent 4 }}
{{- end }}

{{- /* Of a pod: labels and annotations; "checksums" are of files that a program reads at its start only. */}}
{{- define "augmentation.podMetadata" -}}
labels: {{- merge (include "augmentation.labels" . | fromYaml) .values.podLabels | toYaml | nindent 2 }}
{{- with merge (.checksums | default dict) .values.podAnnotations }}
annotations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* Of a pod: identity, security, where and with what it runs. */}}
{{- define "augmentation.podSettings" -}}
{{- $spec := dict "automountServiceAccountToken" false "enableServiceLinks" false }}
{{- with .values.podSecurityContext }}{{ $_ := set $spec "securityContext" . }}{{ end }}
{{- with .root.Values.images.pullSecrets }}
{{- $secrets := list }}
{{- range . }}{{ $secrets = append $secrets (dict "name" .) }}{{ end }}
{{- $_ := set $spec "imagePullSecrets" $secrets }}
{{- end }}
{{- range $field := list "nodeSelector" "tolerations" "affinity" "priorityClassName" "runtimeClassName" "schedulerName" "hostAliases" "dnsPolicy" "dnsConfig" "terminationGracePeriodSeconds" }}
{{- with index $.values $field }}{{ $_ := set $spec $field . }}{{ end }}
{{- end }}
{{- $constraints := list }}
{{- range .values.topologySpreadConstraints }}
{{- $own := dict "labelSelector" (dict "matchLabels" (include "augmentation.selector" $ | fromYaml)) }}
{{- $constraints = append $constraints (merge (deepCopy .) $own) }}
{{- end }}
{{- with $constraints }}{{ $_ := set $spec "topologySpreadConstraints" . }}{{ end }}
{{- toYaml $spec }}
{{- end }}

{{- /* Of a container: image, resources, security and additional variables from elsewhere. */}}
{{- define "augmentation.containerSettings" -}}
image: {{ include "augmentation.image" (dict "root" .root "name" .component) }}
imagePullPolicy: {{ .root.Values.images.pullPolicy }}
{{- with .values.envFrom }}
envFrom: {{- toYaml . | nindent 2 }}
{{- end }}
resources: {{- toYaml .values.resources | nindent 2 }}
{{- with .values.securityContext }}
securityContext: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* A probe: (dict "values" .livenessProbe "path" "/healthz" "port" "http" "scheme" "HTTP"). */}}
{{- define "augmentation.probe" -}}
{{- $get := dict "path" .path "port" .port }}
{{- with .scheme }}{{ $_ := set $get "scheme" . }}{{ end }}
{{- merge (dict "httpGet" $get) (.values | default dict) | toYaml }}
{{- end }}

{{- /* The Service that Prometheus reads: of its own, so that the gateway's other one can be given to the world. */}}
{{- define "augmentation.metricsService" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ include "augmentation.name" . }}-metrics
  namespace: {{ .root.Release.Namespace }}
  labels: {{- merge (include "augmentation.labels" . | fromYaml) .values.metricsService.labels | toYaml | nindent 4 }}
  {{- with .values.metricsService.annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  selector: {{- include "augmentation.selector" . | nindent 4 }}
  ports:
    - {name: metrics, port: 8081, targetPort: metrics}
{{- end }}

{{- /* By default where there is more than one pod: for a single one it would only block a drain. */}}
{{- define "augmentation.disruptionBudget" -}}
{{- $budget := .values.podDisruptionBudget }}
{{- if kindIs "invalid" $budget.enabled | ternary (gt (int .values.replicas) 1) $budget.enabled }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {{- include "augmentation.metadata" . | nindent 2 }}
spec:
  {{- if kindIs "invalid" $budget.minAvailable }}
  maxUnavailable: {{ $budget.maxUnavailable }}
  {{- else }}
  minAvailable: {{ $budget.minAvailable }}
  {{- end }}
  selector:
    matchLabels: {{- include "augmentation.selector" . | nindent 6 }}
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
