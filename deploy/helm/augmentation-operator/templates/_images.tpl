{{- /* References of images: images.<name> as a whole, or made of the parts in <name>.image. */}}

{{- define "augmentation.imageReference" -}}
{{- $parts := (index .root.Values .name).image }}
{{- index .root.Values.images .name | default (include "augmentation.composedImage" (dict "root" .root "parts" $parts "registry" $parts.registry "tag" $parts.tag)) }}
{{- end }}

{{- define "augmentation.composedImage" -}}
{{- $composed := printf "%s:%s" .parts.repository (.tag | default .root.Chart.AppVersion) }}
{{- with .registry | default .root.Values.images.registry }}{{ $composed = printf "%s/%s" (trimSuffix "/" .) $composed }}{{ end }}
{{- if .parts.digest }}{{ $composed = printf "%s@%s" $composed .parts.digest }}{{ end }}
{{- $composed }}
{{- end }}

{{- /*
That of resolve and publish. Of a worker image that is not the chart's, or is pinned, no smaller one is known unless it is
named: then that one runs all phases.
*/}}
{{- define "augmentation.metadataImageReference" -}}
{{- $worker := .Values.worker.image }}
{{- $parts := .Values.worker.metadataImage }}
{{- $isKnown := and (not .Values.images.worker) (not $worker.digest) (eq $worker.repository "augmentation-worker") }}
{{- if .Values.images.workerMetadata }}
{{- .Values.images.workerMetadata }}
{{- else if or $parts.digest $isKnown }}
{{- include "augmentation.composedImage" (dict "root" . "parts" $parts "registry" ($parts.registry | default $worker.registry) "tag" ($parts.tag | default $worker.tag)) }}
{{- else }}
{{- include "augmentation.imageReference" (dict "root" . "name" "worker") }}
{{- end }}
{{- end }}

{{- define "augmentation.image" -}}
{{- $image := include "augmentation.imageReference" . }}
{{- include "augmentation.requireDigest" (dict "root" .root "image" $image "from" (printf "images.%s" .name)) }}
{{- $image }}
{{- end }}

{{- define "augmentation.requireDigest" -}}
{{- if and .root.Values.images.requireDigests (not (contains "@sha256:" .image)) }}
{{- fail (printf "%s is %s, which may be another image tomorrow: name it by digest (registry/name@sha256:...), or set images.requireDigests to false" .from .image) }}
{{- end }}
{{- end }}
