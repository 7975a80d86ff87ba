{{- define "lighterman.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 45 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 45 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "lighterman.selectorLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "lighterman.labels" -}}
{{ include "lighterman.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "lighterman.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (include "lighterman.fullname" .) -}}
{{- end -}}

{{- define "lighterman.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The uploader's image: of the same version, beside the main one, unless values say otherwise. */}}
{{- define "lighterman.uploaderImage" -}}
{{- $image := .Values.uploader.image -}}
{{- $repository := $image.repository | default (printf "%s-uploader" .Values.image.repository) -}}
{{- if $image.digest -}}
{{ $repository }}@{{ $image.digest }}
{{- else -}}
{{ $repository }}:{{ $image.tag | default .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/*
CEL for "these annotations of a pod or pod template name a profile", and so on. The argument is the path of the
object that holds metadata, e.g. "object" or "object.spec.template". A pod without any annotation is the usual one,
so each expression must hold without them.
*/}}
{{- define "lighterman.cel.asks" -}}
has({{ . }}.metadata.annotations) &&
('lighterman.dev/profile' in {{ . }}.metadata.annotations ||
'lighterman.dev/cluster-profile' in {{ . }}.metadata.annotations)
{{- end -}}

{{- define "lighterman.cel.notOptedOut" -}}
!has({{ . }}.metadata.annotations) ||
!('lighterman.dev/inject' in {{ . }}.metadata.annotations) ||
{{ . }}.metadata.annotations['lighterman.dev/inject'] != 'false'
{{- end -}}

{{- define "lighterman.cel.notMirror" -}}
!has({{ . }}.metadata.annotations) ||
!('kubernetes.io/config.mirror' in {{ . }}.metadata.annotations)
{{- end -}}
