{{/* What no schema says: values that only make sense together. */}}
{{- define "rampd.validate" -}}
{{- $sources := 0 }}
{{- if hasKey .Values "profile" }}{{ $sources = add1 $sources }}{{ end }}
{{- if .Values.profileFile }}{{ $sources = add1 $sources }}{{ end }}
{{- if .Values.existingConfigMap.name }}{{ $sources = add1 $sources }}{{ end }}
{{- if eq (int $sources) 0 }}
{{- fail "no profile: write it under `profile`, give its file with --set-file profileFile=FILE, or name existingConfigMap.name; `rampd generate helm-values PROFILE` writes all values of a profile" }}
{{- else if gt (int $sources) 1 }}
{{- fail "more than one profile: give one of `profile`, `profileFile` and `existingConfigMap.name`" }}
{{- end }}
{{- if and .Values.files .Values.existingConfigMap.name }}
{{- fail "`files` beside `existingConfigMap`: put them into that ConfigMap, or name others under `profileSources`" }}
{{- end }}
{{- $others := 0 }}
{{- if include "rampd.isFleet" . }}
{{- $others = add 5 (include "rampd.seconds" (dig "fleet" "lostAfter" "30s" (.Values.profile | default dict)) | int) }}
{{- end }}
{{- $needed := add 11 $others (include "rampd.seconds" .Values.linger | int) }}
{{- if lt (int .Values.terminationGracePeriodSeconds) (int $needed) }}
{{- fail (printf "terminationGracePeriodSeconds %d is too short for linger %s: the drain, the wait for a lost agent and linger take up to %d s; raise it or shorten linger" (int .Values.terminationGracePeriodSeconds) .Values.linger (int $needed)) }}
{{- end }}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" (include "rampd.fullname" .)) }}
{{- fail (printf "the name %q of the Service must begin with a letter and have only a to z, 0 to 9 and `-`: set fullnameOverride or take another name for the release" (include "rampd.fullname" .)) }}
{{- end }}
{{- if eq .Values.mode "cronjob" }}
{{- if not .Values.cronjob.schedule }}{{ fail "mode cronjob without cronjob.schedule, for example \"0 3 * * *\"" }}{{ end }}
{{- if .Values.testid }}{{ fail "mode cronjob with `testid`: its runs could not be told apart; leave it out, each has the name of its Job" }}{{ end }}
{{- if .Values.startAt }}{{ fail "mode cronjob with `startAt`: all but one run would be at the wrong time; the schedule says when" }}{{ end }}
{{- end }}
{{- if eq .Values.mode "deployment" }}
{{- if gt (int .Values.parallelism) 1 }}{{ fail "mode deployment with parallelism above 1: only the pods of a Job have numbers, which a fleet needs" }}{{ end }}
{{- if .Values.deadlineSeconds }}{{ fail "mode deployment with deadlineSeconds: it has no end; use mode job for a profile that ends" }}{{ end }}
{{- end }}
{{- if and (eq .Values.spread "required") .Values.topologySpreadConstraints }}
{{- fail "`spread: required` beside `topologySpreadConstraints`, which replaces it: leave one out" }}
{{- end }}
{{- end }}

{{/* Seconds of a duration such as 1m30s; 0 for a variable, which only the agent knows. */}}
{{- define "rampd.seconds" -}}
{{- $start := toDate "2006-01-02" "2000-01-01" }}
{{- $end := dateModify (printf "+%s" (toString .)) $start }}
{{- sub ($end | unixEpoch) ($start | unixEpoch) }}
{{- end }}

{{- define "rampd.configMap" -}}
{{- .Values.existingConfigMap.name | default (printf "%s-profile" (include "rampd.fullname" .)) }}
{{- end }}

{{- define "rampd.profileKey" -}}
{{- if .Values.existingConfigMap.name }}{{ .Values.existingConfigMap.key }}{{ else }}profile.yaml{{ end }}
{{- end }}

{{/* A key has no `/`; the volume puts the file back into its directory. */}}
{{- define "rampd.configMapData" -}}
profile.yaml: |
{{- if hasKey .Values "profile" }}
  {{- toYaml .Values.profile | nindent 2 }}
{{- else }}
  {{- .Values.profileFile | nindent 2 }}
{{- end }}
{{- range $path, $text := .Values.files }}
{{ $path | replace "/" ".." | quote }}: {{ $text | toJson }}
{{- end }}
{{- end }}

{{- define "rampd.profileVolume" -}}
name: profile
projected:
  sources:
    - configMap:
        name: {{ include "rampd.configMap" . }}
        {{- if not .Values.existingConfigMap.name }}
        items:
          - { key: profile.yaml, path: profile.yaml }
          {{- range $path, $text := .Values.files }}
          - { key: {{ $path | replace "/" ".." | quote }}, path: {{ $path | quote }} }
          {{- end }}
        {{- end }}
    {{- with .Values.profileSources }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}

{{- define "rampd.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop: [ALL]
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{/* 65532 is the image's user. */}}
{{- define "rampd.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}
