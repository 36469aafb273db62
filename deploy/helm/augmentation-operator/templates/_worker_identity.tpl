{{- /*
Who a request of a worker comes from. All pods of a job share one ServiceAccount, which RBAC keeps to that job; which of
them it is, is in the token: the kubelet's are bound to a pod, and Kubernetes says which. The names of pods follow from
those of their Jobs (augmentation_api/identifiers.py): …-resolve-xxxxx, …-augment-2b-INDEX-xxxxx, …-publish-2-xxxxx,
of which a long one is cut before its index.
*/}}
{{- define "augmentation.workerConditions" }}
- name: by-a-worker
  expression: >-
    request.userInfo.username.startsWith('system:serviceaccount:' + request.namespace + ':')
    && request.userInfo.username.endsWith('-worker')
{{- end }}
{{- define "augmentation.workerVariables" }}
# Of the names of all that is the job's.
- name: prefix
  expression: >-
    request.userInfo.username.substring(('system:serviceaccount:' + request.namespace + ':').size(),
      request.userInfo.username.size() - '-worker'.size())
- name: pod
  expression: >-
    request.userInfo.?extra[?'authentication.kubernetes.io/pod-name'].orValue([]).size() == 1
      ? request.userInfo.extra['authentication.kubernetes.io/pod-name'][0] : ''
- name: place
  expression: >-
    variables.pod.startsWith(variables.prefix + '-') ? variables.pod.substring(variables.prefix.size() + 1) : ''
- name: phase
  expression: >-
    variables.place.matches('^resolve(-[0-9]*)?-[a-z0-9]{5}$') ? 'resolve'
      : variables.place.matches('^augment(-[0-9]*[b-p]?)?-[0-9]{1,6}-[a-z0-9]{5}$') ? 'augment'
      : variables.place.matches('^publish(-[0-9]*)?-[a-z0-9]{5}$') ? 'publish' : ''
- name: shard
  expression: >-
    variables.phase == 'augment' ? int(variables.place.find('[0-9]+-[a-z0-9]{5}$').split('-')[0]) : -1
{{- end }}
{{- define "augmentation.workerValidations" }}
- expression: variables.phase != ''
  message: >-
    a worker writes with the token of its own pod, and this one is bound to no resolve, augment or publish pod of the job:
    mount the token as a projected volume, as the operator's pods do
  reason: Forbidden
{{- end }}

{{- /* Of a binding: workers run in the namespaces that this release serves; those of others are held by their policies. */}}
{{- define "augmentation.servedNamespaces" -}}
{{- with .Values.watchNamespaces }}
matchResources:
  namespaceSelector:
    matchExpressions: [{key: kubernetes.io/metadata.name, operator: In, values: {{ toJson . }}}]
{{- end }}
{{- end }}
