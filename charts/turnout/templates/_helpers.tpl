{{- /* Name of the operator's objects; leaves room for what is appended. */}}
{{- define "turnout.name" -}}
{{- .Values.nameOverride | default (printf "%s-operator" .Release.Name) | trunc 50 | trimSuffix "-" -}}
{{- end }}

{{- /* Name of cluster-wide objects, so that two releases do not meet. */}}
{{- define "turnout.clusterName" -}}
{{- printf "%s.%s" (include "turnout.name" .) .Release.Namespace -}}
{{- end }}

{{- define "turnout.selector" -}}
app.kubernetes.io/name: turnout
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end }}

{{- define "turnout.labels" -}}
{{ include "turnout.selector" . }}
app.kubernetes.io/part-of: turnout
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- /* repository[:tag][@digest] of (dict "image" ... "version" ...); a digest is enough. */}}
{{- define "turnout.image" -}}
{{- if .image.digest -}}
{{- with .image.tag -}}{{ $.image.repository }}:{{ . }}@{{ $.image.digest }}{{- else -}}{{ .image.repository }}@{{ .image.digest }}{{- end -}}
{{- else -}}
{{ .image.repository }}:{{ .image.tag | default .version }}
{{- end -}}
{{- end }}

{{- define "turnout.operatorImage" -}}
{{- include "turnout.image" (dict "image" .Values.image "version" .Chart.AppVersion) -}}
{{- end }}

{{- /* The operator's image, but for what gateway.image says. A digest belongs to one repository and tag. */}}
{{- define "turnout.gatewayImage" -}}
{{- $own := .Values.gateway.image -}}
{{- if or $own.repository $own.tag $own.digest -}}
{{- $image := dict "repository" ($own.repository | default .Values.image.repository) "tag" $own.tag "digest" $own.digest -}}
{{- include "turnout.image" (dict "image" $image "version" .Chart.AppVersion) -}}
{{- else -}}
{{- include "turnout.operatorImage" . -}}
{{- end -}}
{{- end }}

{{- /* The Secret that is served from: the operator's own, or cert-manager's, which never share a name. */}}
{{- define "turnout.certificateSecret" -}}
{{- if .Values.certManager.enabled -}}
{{ include "turnout.name" . }}-tls-issued
{{- else -}}
{{ include "turnout.name" . }}-tls
{{- end -}}
{{- end }}

{{- /* The operator's settings file. Whatever is here is read: unknown fields are refused by the operator. */}}
{{- define "turnout.settings" -}}
namespace: {{ .Release.Namespace }}
leaseName: {{ include "turnout.name" . }}
serviceName: {{ include "turnout.name" . }}
certificateSecret: {{ include "turnout.certificateSecret" . }}
allowInsecureTls: {{ .Values.allowInsecureTls }}
auditSeconds: {{ .Values.auditSeconds }}
lease:
  {{- toYaml .Values.lease | nindent 2 }}
debounce:
  {{- toYaml .Values.debounce | nindent 2 }}
{{- with .Values.watchNamespaces }}
watchNamespaces:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.certificate.extraNames }}
extraNames:
  {{- toYaml . | nindent 2 }}
{{- end }}
gateway:
  image: {{ include "turnout.gatewayImage" . | quote }}
  {{- with .Values.gateway }}
  imagePullPolicy: {{ .image.pullPolicy }}
  imagePullSecrets: {{ toJson .image.pullSecrets }}
  replicas: {{ .replicas }}
  resources: {{ toJson .resources }}
  {{- with .otlpEndpoint }}
  otlpEndpoint: {{ . | quote }}
  {{- end }}
  podLabels: {{ toJson .podLabels }}
  podAnnotations: {{ toJson .podAnnotations }}
  nodeSelector: {{ toJson .nodeSelector }}
  tolerations: {{ toJson .tolerations }}
  priorityClass: {{ .priorityClassName | quote }}
  stateSize: {{ .stateSize | quote }}
  networkPolicy: {{ .networkPolicy.enabled }}
  ingress: {{ toJson .networkPolicy.ingress }}
  scrapers: {{ toJson .networkPolicy.scrapers }}
  {{- end }}
{{- with .Values.qdrant }}
{{- if .url }}
qdrant:
  url: {{ .url | quote }}
  keyFile: {{ printf "/var/run/turnout/qdrant/%s" .key | quote }}
  {{- with .publicUrl }}
  publicUrl: {{ . | quote }}
  {{- end }}
  shards: {{ .shards }}
  replicas: {{ .replicas }}
  tokenSeconds: {{ .tokenSeconds }}
{{- end }}
{{- end }}
{{- end }}
