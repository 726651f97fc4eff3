{{/* What cannot be changed in a Job beside its template. */}}
{{- define "rampd.fixedJobFields" -}}
completionMode: Indexed
completions: {{ .Values.parallelism }}
parallelism: {{ .Values.parallelism }}
# With backoffLimit the first agent that fails would take the others with it; with the limit per index all run to the end.
backoffLimitPerIndex: 0
# Never two agents of one number.
podReplacementPolicy: Failed
# The first rule that matches decides.
podFailurePolicy:
  rules:
    # An evicted agent cannot be replaced in the middle of a ramp: the run is lost, so it ends.
    - action: FailJob
      onPodConditions:
        - { type: DisruptionTarget, status: "True" }
    # 104 bad profile, 106 cannot listen, 107 too few files or ports: nothing was sent, the others wait in vain. An agent that
    # comes too late to a fleet is none of these: it ends with 1.
    - action: FailJob
      onExitCodes: { containerName: rampd, operator: In, values: [104, 106, 107] }
    # 96 run invalid, 99 threshold crossed: a verdict, not an accident.
    - action: FailIndex
      onExitCodes: { containerName: rampd, operator: In, values: [96, 99] }
{{- end }}

{{- define "rampd.jobSpec" -}}
{{ include "rampd.fixedJobFields" . }}
{{- with .Values.deadlineSeconds }}
activeDeadlineSeconds: {{ . }}
{{- end }}
{{- if not (kindIs "invalid" .Values.ttlSecondsAfterFinished) }}
ttlSecondsAfterFinished: {{ .Values.ttlSecondsAfterFinished | int }}
{{- end }}
{{- if .Values.suspend }}
suspend: true
{{- end }}
template:
  {{- include "rampd.podTemplate" . | nindent 2 }}
{{- end }}
