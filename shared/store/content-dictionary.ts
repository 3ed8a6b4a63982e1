/** Names and values in the order in which senders write them, each near its usual neighbours. */
const BUILDKITE = [
  '{"event":"ping","event":"job.scheduled","job":{"id":"01","graphql_id":"Sm9iLS0tMD","type":"manual","label":"","type":"script',
  '","name":"","step_key":"","priority":{"number":0},"agent_query_rules":["queue=default"],"state":"assigned","build_url":"',
  '","log_url":"","raw_log_url":"","artifacts_url":"","command":"","soft_failed":false,"exit_status":0,"signal":null',
  ',"signal_reason":null,"artifact_paths":null,"runnable_at":null,"expired_at":null,"retried":false,"retried_in_job_id":null',
  ',"retries_count":null,"retry_source":null,"retry_type":null,"parallel_group_index":null,"parallel_group_total":null',
  ',"matrix":null,"agent":{"id":"01","cluster_url":null,"cluster_queue_id":null,"unblocked_by":{"id":"01',
  '{"event":"build.failing","event":"build.running","event":"job.started","event":"job.finished","event":"build.finished"',
  ',"build":{"id":"01","graphql_id":"QnVpbGQtLS0wMTk","url":"https://api.buildkite.com/v2/organizations/',
  '","web_url":"https://buildkite.com/","number":1,"state":"passed","blocked":false,"cancel_reason":null,"message":"',
  '","commit":"HEAD","branch":"main","tag":null,"env":{},"source":"webhook","creator":{"id":"01","graphql_id":"VXNlci0tL',
  '","email":"","avatar_url":"https://www.gravatar.com/avatar/","created_at":"2026-","scheduled_at":"2026-',
  '","started_at":"2026-","failing_at":null,"finished_at":"2026-","meta_data":{},"pull_request":null,"merge_queue":null',
  ',"rebuilt_from":null,"triggered_from":null,"jobs":[],"cluster_id":null},"pipeline":{"id":"01","graphql_id":"UGlwZWxpbmUtLS0',
  '","name":"","description":"","slug":"","repository":"git@","default_branch":"main","branch_configuration":null',
  ',"skip_queued_branch_builds":false,"skip_queued_branch_builds_filter":null,"cancel_running_branch_builds":false',
  ',"cancel_running_branch_builds_filter":null,"allow_rebuilds":true,"provider":{"id":"gitlab","settings":{',
  '"trigger_mode":"code","build_pull_requests":true,"pull_request_branch_filter_enabled":false,"build_tags":false',
  ',"publish_commit_status":true},"webhook_url":"https://webhook.buildkite.com/deliver/","builds_url":"',
  '","badge_url":"https://badge.buildkite.com/","env":{},"scheduled_builds_count":0,"running_builds_count":0',
  ',"scheduled_jobs_count":0,"running_jobs_count":0,"waiting_jobs_count":0,"visibility":"private","tags":null,"steps":[',
  '{"type":"script","name":"","command":"buildkite-agent pipeline upload","artifact_paths":null,"branch_configuration":null',
  ',"timeout_in_minutes":null,"concurrency":null,"parallelism":null}]},"sender":{"id":"01","name":"',
];

const CONFLUENCE = [
  '{"timestamp":17,"event":"page_created","event":"page_removed","event":"comment_created","comment":{"id":',
  '"event":"page_updated","userKey":"","oldParent":{"id":,"updateTrigger":"edit_page"}',
  '{"userAccountId":"","accountType":"customer","timestamp":17,"suppressNotifications":false,"page":{"id":1,"idAsString":"',
  '","spaceKey":"","spaceId":1,"title":"","version":1,"contentType":"page","self":"https://.atlassian.net/wiki/spaces//pages/',
  '","creatorAccountId":"","lastModifierAccountId":"","creationDate":17,"modificationDate":17,"label":{"name":"","prefix":"global',
  '{"eventType":"avi:confluence:created:comment","eventType":"avi:confluence:added:label","label":{"prefix":"global","name":"',
  '{"eventType":"avi:confluence:updated:page","atlassianId":"557058:","eventCreatedDate":"2026-","suppressNotifications":false',
  ',"selfGenerated":false,"content":{"id":"","type":"page","status":"current","title":"","space":{"id":1,"key":"","alias":"',
  '","name":"","icon":{"path":"/images/logo/default-space-logo-256.png","width":48,"height":48,"isDefault":true},"type":"global"',
  ',"status":"current"},"history":{"latest":true,"createdBy":{"type":"known","accountId":"557058:","accountType":"atlassian',
  '","email":"","publicName":"","profilePicture":{"path":"/wiki/aa-avatar/","width":48,"height":48,"isDefault":false}',
  ',"displayName":"","isExternalCollaborator":false,"isGuest":false},"createdDate":"2026-","ownedBy":{"type":"known"',
  ',"version":{"by":{"when":"2026-","friendlyWhen":null,"message":"","number":1,"minorEdit":false,"contentTypeModified":false}',
  ',"ancestors":[],"container":{},"extensions":{"location":"footer"},"labels":[]',
];

const TEKTON = [
  '"provenance":{"featureFlags":{"runningInEnvWithInjectedSidecars":true,"enableAPIFields":"beta","awaitSidecarReadiness":true',
  ',"enforceNonfalsifiability":"none","verificationNoMatchPolicy":"ignore","enableProvenanceInStatus":true',
  ',"resultExtractionMethod":"termination-message","maxResultSize":4096,"coschedule":"workspaces","enableStepActions":true}}',
  '"managedFields":[{"manager":"eventlistenersink","operation":"Update","apiVersion":"tekton.dev/v1beta1","time":"2026-',
  '","fieldsType":"FieldsV1","fieldsV1":{"f:metadata":{"f:annotations":{".":{},"f:kubectl.kubernetes.io/last-applied-configuration":{}}',
  ',"f:generateName":{},"f:labels":{".":{},"f:tekton.dev/pipeline":{},"f:triggers.tekton.dev/eventlistener":{}',
  ',"f:triggers.tekton.dev/trigger":{},"f:triggers.tekton.dev/triggers-eventid":{}},"f:ownerReferences":{".":{}}',
  ',"f:spec":{".":{},"f:params":{},"f:pipelineRef":{".":{},"f:name":{}},"f:podTemplate":{".":{},"f:nodeSelector":{".":{}}',
  ',"f:securityContext":{},"f:tolerations":{}},"f:resources":{},"f:serviceAccountName":{},"f:taskRef":{".":{},"f:kind":{},"f:name":{}}',
  ',"f:timeout":{},"f:workspaces":{}},"f:status":{".":{},"f:completionTime":{},"f:conditions":{},"f:podName":{},"f:startTime":{}',
  ',"f:steps":{},"f:taskResults":{},"f:taskSpec":{".":{},"f:params":{},"f:results":{},"f:steps":{}}}},"subresource":"status"}]',
  '{"specversion":"1.0","id":"","source":"/apis///namespaces/","type":"dev.tekton.event.pipelinerun.successful.v1","subject":"',
  '","time":"2026-","datacontenttype":"application/json","data":{"customRun":{"taskRun":{"pipelineRun":{"metadata":{"name":"',
  '","generateName":"","namespace":"","uid":"","resourceVersion":"","generation":1,"creationTimestamp":"2026-',
  'Z","labels":{"app.kubernetes.io/managed-by":"tekton-pipelines","app.kubernetes.io/version":"0.","tekton.dev/memberOf":"tasks',
  '","tekton.dev/pipelineRunUID":"","tekton.dev/pipelineRun":"","tekton.dev/pipelineTask":"","tekton.dev/task":"","tekton.dev/pipeline":"',
  '","triggers.tekton.dev/eventlistener":"","triggers.tekton.dev/trigger":"","triggers.tekton.dev/triggers-eventid":"',
  '"},"annotations":{"drawbridge.dev/delivery":"d-","drawbridge.dev/started-by":"","pipeline.tekton.dev/release":"',
  '","results.tekton.dev/record":"/records/","results.tekton.dev/result":"/results/","chains.tekton.dev/signed":"true',
  '","tekton.dev/categories":"Git","tekton.dev/displayName":"","tekton.dev/pipelines.minVersion":"0.","tekton.dev/platforms":"linux/amd64',
  '","tekton.dev/tags":""},"ownerReferences":[{"apiVersion":"tekton.dev/v1","kind":"PipelineRun","name":"","uid":"","controller":true',
  ',"blockOwnerDeletion":true}]},"spec":{"params":[{"name":"revision","value":"refs/heads/main"},{"name":"url","value":"https://',
  '"pipelineSpec":{"tasks":[{"name":"","taskRef":{"name":"","kind":"Task"},"runAfter":[""],"when":[{"input":"$(params.","operator":"in","values":["',
  '"pipelineRef":{"name":""},"serviceAccountName":"default","timeout":"1h0m0s","timeouts":{"pipeline":"1h0m0s"},"taskRunTemplate":{',
  '"podTemplate":{"nodeSelector":{"kubernetes.io/arch":"amd64"},"securityContext":{"fsGroup":65532},"tolerations":[{"key":"',
  '","operator":"Equal","value":"","effect":"NoSchedule"}]},"resources":{"limits":{"cpu":"","memory":""},"requests":{"storage":"1Gi"}}',
  ',"workspaces":[{"name":"","persistentVolumeClaim":{"claimName":"pvc-"}},{"name":"","emptyDir":{}},{"name":"","secret":{"secretName":"',
  '","volumeClaimTemplate":{"metadata":{"creationTimestamp":null},"spec":{"accessModes":["ReadWriteOnce"],"storageClassName":"',
  '"taskSpec":{"params":[{"name":"","type":"string","description":"","default":""}],"results":[{"name":"commit","type":"string"',
  ',"description":"The "}],"steps":[{"name":"","image":"docker.io/","command":["/bin/sh","-c"],"args":["$(params.","env":[{"name":"',
  '","value":"$(params.","valueFrom":{"secretKeyRef":{"key":"","name":"","optional":false}}}],"workingDir":"$(workspaces.source.path)',
  '","volumeMounts":[{"name":"","mountPath":"/"}],"script":"#!/usr/bin/env bash\\nset -eu\\necho -n \\"$ \\u003e $(results.commit.path)\\n',
  '"status":{"conditions":[{"type":"Succeeded","status":"Unknown","lastTransitionTime":"2026-","reason":"Started","message":"',
  'Not all Steps in the Task have finished executing","status":"False","reason":"Failed","message":"\\"step-\\" exited with code 1',
  '","reason":"Cancelled","reason":"Running","message":"Tasks Completed: 1 (Failed: 0, Cancelled 0), Incomplete: 1, Skipped: 0',
  '","status":"True","lastTransitionTime":"2026-","reason":"Completed","reason":"Succeeded","message":"All Steps have completed executing',
  '"}],"podName":"-pod","startTime":"2026-","completionTime":"2026-","skippedTasks":[{"name":"","reason":"When Expressions evaluated to false',
  '","childReferences":[{"apiVersion":"tekton.dev/v1","kind":"TaskRun","name":"","pipelineTaskName":"","status":{',
  '"steps":[{"name":"","container":"step-","imageID":"docker.io/library/@sha256:","terminated":{"containerID":"containerd://',
  '","exitCode":0,"finishedAt":"2026-","reason":"Completed","startedAt":"2026-","message":"[{\\"key\\":\\"\\",\\"value\\":\\"\\",\\"type\\":1}]"}}',
  ',"pipelineResults":[{"name":"","value":""}],"taskResults":[{"name":"","type":"string","value":"',
];

const GITLAB = [
  '{"object_kind":"deployment","status":"success","status_changed_at":"","deployment_id":1,"deployable_id":1,"deployable_url":"',
  '{"object_kind":"release","action":"create","tag":"v1","released_at":"","assets":{"count":4,"links":[],"sources":[{"format":"zip","url":"',
  '{"object_kind":"note","event_type":"note","note":"","noteable_type":"MergeRequest","noteable_id":1,"attachment":null,"discussion_id":"',
  '","line_code":null,"commit_id":null,"position":null,"resolved_at":null,"resolved_by_id":null,"st_diff":null,"system":false,"type":null',
  '{"object_kind":"build","retries_count":0,"build_id":1,"build_name":"","build_stage":"test","build_status":"success","build_created_at":"',
  '","build_started_at":"","build_finished_at":"","build_duration":1.,"build_queued_duration":0.,"build_allow_failure":false',
  ',"build_failure_reason":"unknown_failure","pipeline_id":1,"runner":{"id":1,"description":"","runner_type":"project_type","active":true',
  ',"is_shared":false,"tags":["docker"]},"environment":null,"source_pipeline":{"job_id":1',
  '{"object_kind":"pipeline","object_attributes":{"id":1,"iid":1,"name":null,"ref":"main","tag":false,"sha":"","before_sha":"',
  '0000000000000000000000000000000000000000","source":"merge_request_event","source":"push","status":"running","status":"success',
  '","detailed_status":"passed","stages":["build","test","deploy"],"created_at":"2026-"," UTC","finished_at":"","duration":1',
  ',"queued_duration":1,"protected_ref":true,"variables":[],"url":"https://","builds":[{"id":1,"stage":"test","name":"","status":"created',
  '","created_at":"2026-","started_at":null,"finished_at":null,"duration":null,"queued_duration":null,"failure_reason":null',
  ',"when":"on_success","manual":false,"allow_failure":false,"runner":null,"artifacts_file":{"filename":null,"size":null}',
  ',"environment":{"name":"production","action":"start","deployment_tier":"production"}}],"merge_request":null',
  '{"object_kind":"merge_request","event_type":"merge_request","user":{"id":1,"name":"","username":"","avatar_url":"',
  'https://www.gravatar.com/avatar/?s=80&d=identicon","email":"[REDACTED]"},"object_attributes":{"assignee_id":null,"author_id":1',
  ',"created_at":"2026-","description":"","draft":false,"head_pipeline_id":null,"id":1,"iid":1,"last_edited_at":null,"last_edited_by_id":null',
  ',"merge_commit_sha":null,"merge_error":null,"merge_params":{"force_remove_source_branch":"1"},"merge_status":"can_be_merged"',
  ',"merge_user_id":null,"merge_when_pipeline_succeeds":false,"milestone_id":null,"source_branch":"","source_project_id":1,"state_id":1',
  ',"target_branch":"main","target_project_id":1,"time_estimate":0,"title":"","updated_at":"2026-","updated_by_id":null,"assignee_ids":[]',
  ',"blocking_discussions_resolved":true,"detailed_merge_status":"mergeable","first_contribution":false,"human_time_change":null',
  ',"human_time_estimate":null,"human_total_time_spent":null,"labels":[],"last_commit":{"id":"","message":"","title":"","timestamp":"2026-',
  '","url":"https://","author":{"name":"","email":"[REDACTED]"}},"reviewer_ids":[],"source":{"id":1,"target":{"id":1,"state":"opened',
  '","time_change":0,"total_time_spent":0,"url":"https:///-/merge_requests/1","work_in_progress":false,"action":"open","oldrev":"',
  '","action":"update"},"labels":[{"id":1,"title":"","color":"#","project_id":1,"created_at":"","updated_at":"","template":false',
  ',"description":null,"type":"ProjectLabel","group_id":null}],"changes":{"state_id":{"previous":1,"current":2},"updated_at":{"previous":"2026-',
  '","current":"2026-"}},"assignees":[{"id":1,"reviewers":[{"state":"unreviewed"}]}',
  '{"object_kind":"tag_push","event_name":"tag_push","ref":"refs/tags/v1","object_kind":"push","event_name":"push","before":"',
  '0000000000000000000000000000000000000000","after":"","ref":"refs/heads/main","ref_protected":true,"checkout_sha":"","message":null',
  ',"user_id":1,"user_name":"","user_username":"","user_email":"","user_avatar":"https://secure.gravatar.com/avatar/?s=80&d=identicon',
  '","project_id":1,"project":{"id":1,"name":"","description":"","web_url":"https://gitlab.com/","avatar_url":null,"git_ssh_url":"',
  'git@gitlab.com:","git_http_url":"https://gitlab.com/.git","namespace":"","visibility_level":0,"path_with_namespace":"',
  '","default_branch":"main","ci_config_path":null,"homepage":"https://gitlab.com/","url":"git@","ssh_url":"git@","http_url":"https://',
  '.git"},"commits":[{"id":"","message":"Merge branch \'\' into \'main\'\\n\\nSee merge request !1","title":"Merge branch \'\' into \'main\'',
  '","timestamp":"2026-","+00:00","url":"https:///-/commit/","author":{"name":"","email":""},"added":[],"modified":["README.md"]',
  ',"removed":[]}],"total_commits_count":1,"push_options":{},"repository":{"name":"","url":"","description":"","homepage":"https://',
];

/** Texts of the bridge itself. The texts of every record are last, where a reference to them is shortest. */
const EVENTS = [
  '{"type":"release.published","release":{"tag":"","type":"approval.granted","approval":{"step":"","gate":{"state":"requested',
  '{"type":"deployment.succeeded","deployment":{"environment":"production","tier":"production","job":"',
  '{"type":"page.created","type":"page.commented","comment":{"id":"","text":"","label":"","labels":["","type":"page.updated","page":{"site":"https://',
  '.atlassian.net/wiki","id":"","version":1,"space":"","title":"","url":"https:///pages/viewpage.action?pageId=',
  '{"type":"change.opened","type":"change.merged","type":"change.updated","change":{"project":"","number":1,"title":"","description":"',
  '","sourceBranch":"","targetBranch":"main","commit":"","url":"https:///-/merge_requests/',
  '{"type":"code.tagged","type":"code.pushed","code":{"project":"","projectUrl":"https://","ref":"refs/heads/main","name":"main","change":"created',
  '","change":"updated","commit":"","before":"","commits":[{"id":"","message":"","url":"https:///-/commit/"}],"commitCount":1}',
  '{"type":"job.running","type":"job.failed","type":"job.succeeded","job":{"softFailed":true,"name":"","build":"","results":{"',
  '"origin":{"delivery":"d-","triggerEventId":"","type":"build.queued","type":"build.running","type":"build.failed","type":"build.succeeded',
  '","build":{"system":"tekton","system":"buildkite","system":"gitlab","id":"","number":1,"pipeline":"","state":"queued","state":"running',
  '","state":"failed","state":"succeeded","url":"https://","commit":"","title":"","message":"","branch":"main","createdAt":"2026-',
  'T00:00:00.000Z","startedAt":"2026-","finishedAt":"2026-","startedBy":"","reason":"',
  '{"provider":"buildkite","provider":"confluence","provider":"tekton","provider":"gitlab","requestId":"","traceparent":"00-","bodyDigest":"',
  '","bodyBytes":1,"event":{"type":"build.","keyParts":["","build.finished"],"time":"2026-T00:00:00.000Z","subject":"","actor":{"id":"","name":"',
];

/**
 * A preset dictionary, to which DEFLATE may refer as if it preceded the content of a delivery (RFC 1950 section 2.2). It
 * contains the names and values that senders repeat, so a small body, with few repetitions of its own, compresses about
 * as well as a large one.
 */
interface Dictionary {
  /** The provider whose deliveries it packs. Undefined: it packs those of several providers. */
  readonly provider?: string;
  /** Its Adler-32 checksum, which a record that was packed with it has as `DICTID`. */
  readonly id: number;
  readonly texts: readonly string[];
}

/** The first one. It packs the deliveries of a provider without its own. */
const SHARED: Dictionary = { id: 0xe6c57ff8, texts: [...BUILDKITE, ...CONFLUENCE, ...TEKTON, ...GITLAB, ...EVENTS] };

/**
 * All released dictionaries, oldest first. Once released, a dictionary never changes, because a record can only be read
 * with the dictionary that packed it. A better one is added at the end, and the last one of a provider packs.
 *
 * A dictionary of one provider compresses as well as the shared one, and costs less, because zlib reads all of a
 * dictionary for each record.
 */
export const DICTIONARIES: readonly Dictionary[] = [
  SHARED,
  { id: 0x6fbda4e1, provider: "buildkite", texts: [...BUILDKITE, ...EVENTS] },
  { id: 0x8cb76473, provider: "confluence", texts: [...CONFLUENCE, ...EVENTS] },
  { id: 0xa0f0ffc6, provider: "tekton", texts: [...TEKTON, ...EVENTS] },
  { id: 0x550d66cf, provider: "gitlab", texts: [...GITLAB, ...EVENTS] },
];

/** The dictionary that packs the deliveries of a provider. */
export function dictionaryFor(provider: string): Buffer {
  return bytesOf(DICTIONARIES.findLast((one) => one.provider === provider) ?? SHARED);
}

/** The dictionary with an id; undefined if none was released with it. */
export function dictionaryWith(id: number): Buffer | undefined {
  const found = DICTIONARIES.find((one) => one.id === id);
  return found && bytesOf(found);
}

const BYTES = new Map<Dictionary, Buffer>();

/** Joined at the first use: most processes use few dictionaries. */
function bytesOf(dictionary: Dictionary): Buffer {
  const bytes = BYTES.get(dictionary) ?? Buffer.from(dictionary.texts.join(""), "utf8");
  BYTES.set(dictionary, bytes);
  return bytes;
}
