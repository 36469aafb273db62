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
{{- if .Values.networkPolicies.workers.gkeMetadataServer }}
{{- /* docs.cloud.google.com/kubernetes-engine/docs/how-to/workload-identity: with and without Dataplane V2. */}}
{{- range $address, $port := dict "169.254.169.252/32" 988 "169.254.169.254/32" 80 }}
{{- $rules = append $rules (dict "to" (list (dict "ipBlock" (dict "cidr" $address))) "ports" (list (dict "port" $port "protocol" "TCP"))) }}
{{- end }}
{{- end }}
{{- concat $rules .Values.networkPolicies.workers.extraEgress | toJson }}
{{- end }}

{{- define "augmentation.workersEgressFile" -}}
{{- with .Values.networkPolicies }}
{{- dict "egress" (include "augmentation.workersEgress" $ | fromJsonArray) "apiServerCIDRs" .apiServerCIDRs "apiServerPorts" .apiServerPorts | toJson }}
{{- end }}
{{- end }}
