import type { AcceptedRequest } from "../../model/action-outcome.ts";
import { LISTENER } from "./answer.ts";

/**
 * Why a listener accepted a request and no run was reported: the causes that were measured at a real one, and the three
 * commands that separate them. Only checked names become part of a command, because people paste it into a shell.
 */
export function explainMissingRun(route: string, { eventKey, facts }: AcceptedRequest): string {
  const { eventID } = facts;
  const [, namespace = "NAMESPACE", listener = "LISTENER"] = LISTENER.exec(facts["listener"] ?? "") ?? [];
  const id = eventID !== undefined && EVENT_ID.test(eventID) ? eventID : "EVENT_ID";
  return [
    `Look for the run: \`kubectl get pipelineruns --all-namespaces | grep ${eventKey}\``,
    "If it is there, its events do not reach the bridge: compare the sink in the ConfigMap `config-events` and its password, and restart the events controller, which reports every run again",
    `If not: \`kubectl --namespace ${namespace} logs deployment/el-${listener} | grep ${id}\``,
    "An error there names the cause: the API server refused the run (rights, quota, validation, admission), or the interceptors did not answer",
    `No error there: the listener has no trigger for the route ${route}, or the trigger's filter or secret check refused the request. Then \`kubectl --namespace tekton-pipelines logs deployment/tekton-triggers-core-interceptors --since 1h\` has a line of that time, without the id`,
  ].join(". ");
}

const EVENT_ID = /^[\w.-]{1,63}$/;
