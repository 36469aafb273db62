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
That of augment pods with a GPU. Of a worker image that is not the chart's, or is pinned, none is known unless it is named:
then this is empty.
*/}}
{{- define "augmentation.cudaImageReference" -}}
{{- $worker := .Values.worker.image }}
{{- $parts := .Values.worker.cudaImage }}
{{- $isKnown := and (not .Values.images.worker) (not $worker.digest) (eq $worker.repository "augmentation-worker") }}
{{- if .Values.images.workerCuda }}
{{- .Values.images.workerCuda }}
{{- else if or $parts.digest $isKnown }}
{{- include "augmentation.composedImage" (dict "root" . "parts" $parts "registry" ($parts.registry | default $worker.registry) "tag" ($parts.tag | default $worker.tag)) }}
{{- end }}
{{- end }}

{{- /*
The image of a class's augment pods at a placement, as the operator chooses it (operator/.../manifests/worker_image.py).
*/}}
{{- define "augmentation.augmentImage" -}}
{{- $image := .class.image }}
{{- if and .class.cudaImage (include "augmentation.asksForGpu" .) }}{{ $image = .class.cudaImage }}{{ end }}
{{- $image }}
{{- end }}

{{- /* "true" where augment pods of a class get an accelerator at a placement; else empty. */}}
{{- define "augmentation.asksForGpu" -}}
{{- $resources := .placement.resources | default .class.resources | default dict }}
{{- $asks := not (empty (.class.podTemplate | default dict).resourceClaims) }}
{{- range $name, $amount := merge (dict) ($resources.limits | default dict) ($resources.requests | default dict) }}
{{- if and (regexMatch "^[^/]+/(gpu([.-].+)?|mig-.+|tpu|i915|xe)$" $name) (ne (toString $amount) "0") }}{{ $asks = true }}{{ end }}
{{- end }}
{{- if $asks }}true{{ end }}
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
