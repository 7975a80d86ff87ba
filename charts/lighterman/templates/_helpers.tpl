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

{{/* The Deployment that keeps certificates: its pods are none of the webhook's Service. */}}
{{- define "lighterman.certsSelectorLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}-certs
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "lighterman.certsLabels" -}}
{{ include "lighterman.certsSelectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "lighterman.certsServiceAccountName" -}}
{{- .Values.certs.serviceAccount.name | default (printf "%s-certs" (include "lighterman.fullname" .)) -}}
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

{{/*
The namespaces that never reach the webhook, whatever their labels, as a YAML list: what the cluster itself needs in order
to run, and Lighterman's own.
*/}}
{{- define "lighterman.systemNamespaces" -}}
{{- list "kube-system" "kube-node-lease" "kube-public" .Release.Namespace | uniq | toJson -}}
{{- end -}}

{{/* The same for CEL: single quotes. */}}
{{- define "lighterman.cel.systemNamespaces" -}}
[{{- range $i, $namespace := include "lighterman.systemNamespaces" . | fromJsonArray }}{{ if $i }}, {{ end }}'{{ $namespace }}'{{ end -}}]
{{- end -}}

{{/* A namespaceSelector's expression for all others. The API server itself keeps this label right on every namespace. */}}
{{- define "lighterman.notSystem" -}}
- key: kubernetes.io/metadata.name
  operator: NotIn
  values: {{ include "lighterman.systemNamespaces" . }}
{{- end -}}

{{/* CEL: the value of the label that opts the request's namespace in; "" without one. */}}
{{- define "lighterman.cel.optIn" -}}
has(namespaceObject.metadata.labels) && 'lighterman.dev/injection' in namespaceObject.metadata.labels ?
namespaceObject.metadata.labels['lighterman.dev/injection'] : ''
{{- end -}}

{{/* The user name of the replicas, as the API server knows it. */}}
{{- define "lighterman.userName" -}}
system:serviceaccount:{{ .Release.Namespace }}:{{ include "lighterman.serviceAccountName" . }}
{{- end -}}

{{/* Egress rules of a NetworkPolicy: the API server, DNS, and what values add. */}}
{{- define "lighterman.egress" -}}
- ports:
    {{- range .Values.networkPolicy.apiServerPorts }}
    - port: {{ . }}
    {{- end }}
- ports:
    {{- range .Values.networkPolicy.dnsPorts }}
    - port: {{ . }}
      protocol: UDP
    - port: {{ . }}
      protocol: TCP
    {{- end }}
{{- with .Values.networkPolicy.extraEgress }}
{{- toYaml . | nindent 0 }}
{{- end }}
{{- end -}}
