{{/*
Lengths: a pod's hostname is JOB-INDEX and must stay below 64. A Job of a CronJob has 11 more than the CronJob, our own
Jobs have 9 more than the release; 40 leave 12 for the index.
*/}}
{{- define "rampd.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "rampd.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "rampd.selectorLabels" -}}
app.kubernetes.io/name: {{ include "rampd.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: agent
{{- end }}

{{- define "rampd.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/name: {{ include "rampd.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: rampd
{{- end }}

{{- define "rampd.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) }}
{{- end }}
{{- end }}

{{/*
A Job's template, completions and failure policies cannot be changed. What they are made of is in the name, so that
`helm upgrade` makes another Job when any of it changes, and none when nothing does.
*/}}
{{- define "rampd.jobName" -}}
{{- $made := list (include "rampd.podTemplate" .) (include "rampd.fixedJobFields" .) .Values.runId }}
{{- printf "%s-%s" (include "rampd.fullname" .) ($made | toJson | sha256sum | trunc 8) }}
{{- end }}

{{- define "rampd.testid" -}}
{{- if .Values.testid }}{{ .Values.testid }}{{ else if eq .Values.mode "job" }}{{ include "rampd.jobName" . }}{{ end }}
{{- end }}

{{- define "rampd.tokenSecret" -}}
{{- .Values.fleet.existingSecret | default (printf "%s-fleet" (include "rampd.fullname" .)) }}
{{- end }}

{{- define "rampd.isFleet" -}}
{{- if gt (int .Values.parallelism) 1 }}true{{ end }}
{{- end }}
