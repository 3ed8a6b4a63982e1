import { randomBytes } from "node:crypto";
import * as v from "valibot";
import type { OutboundResponse } from "../../host/call-out.ts";
import { encodePayload } from "../../host/inert.ts";
import { deliveryIdOf, eventKeyOf } from "../../model/idempotency-keys.ts";
import { namedPrincipal, OWN_ISSUERS } from "../../model/principal.ts";
import { PROBE_ROUTE, probeRunOf } from "../../model/probe-run.ts";
import type { LookedUpTarget, PreviewDeps, Probe, ProbeAnswer } from "../action.ts";
import { failedCall } from "../failed-call.ts";
import { LISTENER, readResponse } from "./answer.ts";
import { listenerRequest } from "./listener-request.ts";
import type { TriggerRequest } from "./request.ts";
import { type ListenerTarget, listenerTarget } from "./settings.ts";

/** Prepares the request of a probe. Its run has a name that no other run has. */
export function probeOf({ name, settings }: LookedUpTarget, deps: PreviewDeps): Probe {
  const target = v.parse(listenerTarget, settings);
  const unique = randomBytes(16).toString("hex");
  const key = eventKeyOf("probe", "probe", [unique]);
  const delivery = deliveryIdOf("probe", [unique]);
  const run = probeRunOf(key);
  const url = new URL(`${target.url.replace(/\/+$/, "")}/drawbridge/probe`);
  return {
    plan: {
      request: `POST ${url.href} with Drawbridge-Route: ${PROBE_ROUTE}`,
      credential: credentialOf(target),
      run: `the PipelineRun ${run}, without a step, in ${target.namespaces?.join(", ") ?? "the listener's namespace"}`,
      reports: `the source "${target.runsReportedBy}" of the bridge gets the events of that run`,
    },
    reportedBy: target.runsReportedBy,
    run,
    send: (signal) => send({ target, targetName: name, url, delivery, key, signal }, deps),
    withoutRun: (answer) => causesWithoutRun(answer, { targetName: name, target, key }),
  };
}

/** Only checked names become part of a command, because people paste it into a shell. */
function causesWithoutRun(
  answer: ProbeAnswer,
  { targetName, target, key }: Pick<Sending, "targetName" | "target" | "key">,
): readonly string[] {
  const [, answered, answeredName] = LISTENER.exec(answer.listener ?? "") ?? [];
  const { namespaces = [] } = target;
  const only = namespaces.length === 1 && !namespaces[0]?.endsWith("*") ? namespaces[0] : undefined;
  const configured = target.listener?.namespace ?? only;
  const namespace = answered ?? configured ?? "NAMESPACE";
  const name = answeredName ?? target.listener?.name ?? targetName;
  const { secret } = target.listener ?? {};
  return [
    `a listener that was not written by \`drawbridge tekton render\` has no trigger for ${PROBE_ROUTE}`,
    ...(secret === undefined
      ? []
      : [
          `the Secret ${secret} is missing, or has another token than the target: \`kubectl --namespace ${namespace} get secret ${secret}\``,
        ]),
    "the trigger's filter, secret check or interceptor refused it: `kubectl --namespace tekton-pipelines logs deployment/tekton-triggers-core-interceptors --since 10m`",
    `the API server refused the run: \`kubectl --namespace ${namespace} logs deployment/el-${name} --since 10m | grep ${key}\``,
    `the run exists, and its events do not arrive: \`kubectl get pipelineruns --all-namespaces | grep ${key}\`, then the sink in the ConfigMap config-events and \`kubectl --namespace tekton-pipelines logs deployment/tekton-events-controller --since 10m\``,
  ];
}

function credentialOf({ identity, token }: ListenerTarget): string {
  if (identity !== undefined && "bridge" in identity)
    return `the bridge's own token for the audience ${identity.bridge.audience}`;
  if (identity !== undefined) return `a token by "identity", of the kind ${Object.keys(identity).join()}`;
  return token === undefined ? "none" : 'the token under "token"';
}

interface Sending {
  readonly target: ListenerTarget;
  readonly targetName: string;
  readonly url: URL;
  readonly delivery: string;
  readonly key: string;
  readonly signal: AbortSignal;
}

const CAUSE = { principal: namedPrincipal({ issuer: OWN_ISSUERS.bridge, subject: "probe" }) };

async function send(sending: Sending, deps: PreviewDeps): Promise<ProbeAnswer> {
  const sendTo = await listenerRequest(
    { ...sending, route: PROBE_ROUTE, body: JSON.stringify(requestOf(sending)), cause: CAUSE },
    deps,
  );
  let response: OutboundResponse;
  try {
    response = await sendTo(deps.callOut);
  } catch (error) {
    return { result: "unreached", summary: failedCall(error).summary };
  }
  const read = readResponse(response, deps.clock.now());
  if (!read.accepted) return { result: "refused", summary: read.outcome.summary };
  const { eventID, listener } = read;
  const summary = [202, listener, eventID && `eventID ${eventID}`].filter((one) => one).join(", ");
  return { result: "accepted", summary, ...(listener !== undefined && { listener }) };
}

function requestOf({ delivery: id, key }: Sending): TriggerRequest {
  const delivery = { id, key, source: "drawbridge", event: "probe", attempt: "1", approvedRef: "" };
  const values = { delivery, params: {}, actor: { id: "" } };
  return { ...values, delivery: { ...delivery, proof: "" }, payload: encodePayload(values) };
}
