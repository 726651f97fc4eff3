{{- define "rampd.env" -}}
{{- if eq .Values.mode "deployment" }}
{{- if .Values.testid }}
- { name: RAMPD_TESTID, value: {{ .Values.testid | quote }} }
{{- else }}
- name: RAMPD_TESTID
  valueFrom: { fieldRef: { fieldPath: metadata.name } }
{{- end }}
{{- else }}
# The Job's name, which a CronJob makes; the variables below refer to it.
- name: RAMPD_JOB
  valueFrom: { fieldRef: { fieldPath: "metadata.labels['batch.kubernetes.io/job-name']" } }
- { name: RAMPD_TESTID, value: {{ .Values.testid | default "$(RAMPD_JOB)" | quote }} }
{{- end }}
- { name: RAMPD_LISTEN, value: {{ printf "%s:6464" .Values.listenAddress | quote }} }
- { name: RAMPD_LINGER, value: {{ .Values.linger | quote }} }
- { name: RAMPD_LOG_FORMAT, value: {{ .Values.logFormat | quote }} }
- { name: RAMPD_VERDICT_FILE, value: /dev/termination-log }
{{- if include "rampd.isFleet" . }}
# The agent's own number is in JOB_COMPLETION_INDEX, from Kubernetes.
- { name: RAMPD_FLEET_SIZE, value: {{ .Values.parallelism | int | quote }} }
- { name: RAMPD_FLEET_LEADER, value: {{ printf "$(RAMPD_JOB)-0.%s.%s.svc.%s.:6466" (include "rampd.fullname" .) .Release.Namespace .Values.clusterDomain | quote }} }
- { name: RAMPD_FLEET_LISTEN, value: {{ printf "%s:6466" .Values.listenAddress | quote }} }
- name: RAMPD_FLEET_TOKEN
  valueFrom:
    secretKeyRef:
      name: {{ include "rampd.tokenSecret" . }}
      key: {{ if .Values.fleet.existingSecret }}{{ .Values.fleet.existingSecretKey }}{{ else }}token{{ end }}
{{- end }}
{{- with .Values.startAt }}
- { name: RAMPD_START_AT, value: {{ . | quote }} }
{{- end }}
{{- if .Values.controlSocket }}
- { name: RAMPD_CONTROL_SOCKET, value: /run/rampd/control.sock }
{{- end }}
{{- if .Values.results.existingClaim }}
{{- if eq .Values.mode "deployment" }}
- { name: RAMPD_RESULT, value: "/var/lib/rampd/$(RAMPD_TESTID).result" }
{{- else }}
- name: RAMPD_INDEX
  valueFrom: { fieldRef: { fieldPath: "metadata.annotations['batch.kubernetes.io/job-completion-index']" } }
- { name: RAMPD_RESULT, value: "/var/lib/rampd/$(RAMPD_TESTID)-$(RAMPD_INDEX).result" }
{{- end }}
{{- end }}
{{- /* As JSON: Helm has 1000000 as a float, which it would print as 1e+06. A name such as N is false in YAML 1.1. */}}
{{- range $name, $value := .Values.env }}
- { name: {{ $name | quote }}, value: {{ kindIs "string" $value | ternary $value (toJson $value) | quote }} }
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "rampd.container" -}}
name: rampd
image: {{ include "rampd.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args:
  - run
  - /etc/rampd/{{ include "rampd.profileKey" . }}
  {{- range .Values.extraArgs }}
  - {{ . | quote }}
  {{- end }}
env:
  {{- include "rampd.env" . | trim | nindent 2 }}
{{- with .Values.envFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
ports:
  - { name: metrics, containerPort: 6464, protocol: TCP }
  {{- if include "rampd.isFleet" . }}
  - { name: fleet, containerPort: 6466, protocol: TCP }
  {{- end }}
{{- if .Values.probes.readiness }}
readinessProbe:
  httpGet: { path: /readyz, port: metrics }
  periodSeconds: 2
  timeoutSeconds: 2
  failureThreshold: 3
{{- end }}
{{- if .Values.probes.liveness }}
# A minute of silence: a restart would end the run, so only an agent that hangs is worth it.
livenessProbe:
  httpGet: { path: /livez, port: metrics }
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
{{- end }}
resources:
  {{- toYaml .Values.resources | nindent 2 }}
securityContext:
  {{- include "rampd.securityContext" . | nindent 2 }}
# The verdict; at most 4,096 bytes, in `kubectl get pod -o jsonpath='{..terminated.message}'`.
terminationMessagePath: /dev/termination-log
terminationMessagePolicy: FallbackToLogsOnError
volumeMounts:
  - { name: profile, mountPath: /etc/rampd, readOnly: true }
  {{- if .Values.controlSocket }}
  - { name: run, mountPath: /run/rampd }
  {{- end }}
  {{- if .Values.results.existingClaim }}
  - { name: results, mountPath: /var/lib/rampd }
  {{- end }}
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{- define "rampd.spread" -}}
{{- if .Values.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- toYaml .Values.topologySpreadConstraints | nindent 2 }}
{{- else if and (eq .Values.spread "preferred") (include "rampd.isFleet" .) }}
# Agents on one node share its cores, its address and its ports.
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    nodeTaintsPolicy: Honor
    matchLabelKeys: [batch.kubernetes.io/job-name]
    labelSelector:
      matchLabels:
        {{- include "rampd.selectorLabels" . | nindent 8 }}
{{- end }}
{{- end }}

{{- /* A constraint of skew 1 would put two agents on each node where there are too few; only anti-affinity never does. */}}
{{- define "rampd.affinity" -}}
{{- $affinity := deepCopy .Values.affinity }}
{{- if and (eq .Values.spread "required") (include "rampd.isFleet" .) }}
{{- $apart := dict "topologyKey" "kubernetes.io/hostname" "labelSelector" (dict "matchLabels" (include "rampd.selectorLabels" . | fromYaml)) }}
{{- $anti := $affinity.podAntiAffinity | default dict }}
{{- $rules := append ($anti.requiredDuringSchedulingIgnoredDuringExecution | default list) $apart }}
{{- $_ := set $anti "requiredDuringSchedulingIgnoredDuringExecution" $rules }}
{{- $_ := set $affinity "podAntiAffinity" $anti }}
{{- end }}
{{- with $affinity }}{{ toYaml . }}{{ end }}
{{- end }}

{{- define "rampd.podTemplate" -}}
metadata:
  labels:
    {{- include "rampd.selectorLabels" . | nindent 4 }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    kubectl.kubernetes.io/default-container: rampd
    {{- if not .Values.existingConfigMap.name }}
    checksum/profile: {{ include "rampd.configMapData" . | sha256sum }}
    {{- end }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  restartPolicy: {{ eq .Values.mode "deployment" | ternary "Always" "Never" }}
  # The hostname is JOB-INDEX; with the headless Service it is a name that the others can look up.
  subdomain: {{ include "rampd.fullname" . }}
  automountServiceAccountToken: false
  # They would set RAMPD_PORT, RAMPD_SERVICE_HOST and more, which are names of rampd's options.
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  securityContext:
    {{- $own := include "rampd.podSecurityContext" . | fromYaml }}
    {{- if .Values.localPortRange }}
    {{- $_ := set $own "sysctls" (list (dict "name" "net.ipv4.ip_local_port_range" "value" .Values.localPortRange)) }}
    {{- end }}
    {{- toYaml (mergeOverwrite $own (deepCopy .Values.podSecurityContext)) | nindent 4 }}
  {{- with .Values.serviceAccountName }}
  serviceAccountName: {{ . }}
  {{- end }}
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with .Values.schedulerName }}
  schedulerName: {{ . }}
  {{- end }}
  {{- with .Values.runtimeClassName }}
  runtimeClassName: {{ . }}
  {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with include "rampd.affinity" . | trim }}
  affinity:
    {{- . | nindent 4 }}
  {{- end }}
  {{- with include "rampd.spread" . | trim }}
  {{- . | nindent 2 }}
  {{- end }}
  {{- with .Values.hostAliases }}
  hostAliases:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.dnsPolicy }}
  dnsPolicy: {{ . }}
  {{- end }}
  {{- with .Values.dnsConfig }}
  dnsConfig:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.extraInitContainers }}
  initContainers:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - {{- include "rampd.container" . | nindent 6 }}
    {{- with .Values.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  volumes:
    - {{- include "rampd.profileVolume" . | nindent 6 }}
    {{- if .Values.controlSocket }}
    - { name: run, emptyDir: { medium: Memory, sizeLimit: 1Mi } }
    {{- end }}
    {{- if .Values.results.existingClaim }}
    - { name: results, persistentVolumeClaim: { claimName: {{ .Values.results.existingClaim }} } }
    {{- end }}
    {{- with .Values.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}
