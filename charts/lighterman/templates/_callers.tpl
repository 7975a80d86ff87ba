{{/* Whether API servers prove themselves by client certificates. */}}
{{- define "lighterman.callers.certificates" -}}
{{- with .Values.callers.certificate }}{{ if or .ca .configMap }}true{{ end }}{{ end -}}
{{- end -}}

{{/* The flags that say how API servers prove that a review is theirs. */}}
{{- define "lighterman.callers.args" -}}
{{- if include "lighterman.callers.certificates" . }}
- --client-ca-file=/client-ca/ca.crt
{{- range .Values.callers.certificate.allowedNames }}
- {{ printf "--client-allowed-name=%s" . | quote }}
{{- end }}
{{- end }}
{{- if .Values.callers.token.required }}
- --caller-tokens
{{- range .Values.callers.token.subjects }}
- {{ printf "--caller-token-subject=%s" . | quote }}
{{- end }}
{{- end }}
{{- if .Values.callers.reportOnly }}
- --callers-report-only
{{- end }}
{{- if .Values.serviceAccountAnnotations.namedOnly }}
- --annotate-named-only
{{- end }}
{{- end -}}

{{/* The ConfigMap with the CA of API servers' client certificates. */}}
{{- define "lighterman.callers.configMap" -}}
{{- .Values.callers.certificate.configMap | default (printf "%s-client-ca" (include "lighterman.fullname" .)) -}}
{{- end -}}
