{{- /* References of images: images.<name> as a whole, or made of the parts in <name>.image. */}}

{{- define "augmentation.imageReference" -}}
{{- $parts := (index .root.Values .name).image }}
{{- $composed := printf "%s:%s" $parts.repository ($parts.tag | default .root.Chart.AppVersion) }}
{{- with $parts.registry | default .root.Values.images.registry }}{{ $composed = printf "%s/%s" (trimSuffix "/" .) $composed }}{{ end }}
{{- if $parts.digest }}{{ $composed = printf "%s@%s" $composed $parts.digest }}{{ end }}
{{- index .root.Values.images .name | default $composed }}
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
