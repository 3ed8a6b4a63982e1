import * as v from "valibot";
import { stringify } from "yaml";
import { Fault } from "../../host/fault.ts";
import { accountOf, type KubernetesObject, type Listener, listenerLabel } from "./listener.ts";
import { listenerAccess } from "./listener-access.ts";
import { probeTrigger, triggerObjects } from "./render-route.ts";
import { listenerTarget, routeOptions } from "./settings.ts";

/** A route of the target, as it is configured. */
interface RenderedRoute {
  readonly name: string;
  /** Its `do.tekton`, without `target`. */
  readonly options: unknown;
  /** Each run needs an approval, and passes the approved reference to the Pipeline. */
  readonly isApproved: boolean;
}

interface RenderedTarget {
  readonly name: string;
  readonly settings: unknown;
}

interface RenderedObjects {
  /** The EventListener, with its service account, rights and network policy. The same for every route of the target. */
  readonly listener: readonly KubernetesObject[];
  /** By name of the route: its Trigger, with binding and template. */
  readonly routes: ReadonlyMap<string, readonly KubernetesObject[]>;
}

/**
 * Returns the Kubernetes objects of a target. The listener selects the triggers by a label and does not list them, so
 * routes that are applied separately, or by several teams, do not replace each other. Throws `configuration_invalid` if
 * the configuration does not say the namespace, or if a name is none in Kubernetes.
 */
export function renderTarget(target: RenderedTarget, routes: readonly RenderedRoute[]): RenderedObjects {
  const listener = listenerOf(target);
  const rendered = routes.map(({ name, options, isApproved }) => {
    const { params, run } = v.parse(routeOptions, options);
    return [name, triggerObjects(listener, { name, params, run, isApproved })] as const;
  });
  return { listener: [...listenerAccess(listener), eventListener(listener)], routes: new Map(rendered) };
}

/** Formats objects as one YAML stream. Texts are quoted: YAML 1.1 parsers do not read `no`, `1e3` and `12:30` as text. */
export function toYaml(objects: readonly KubernetesObject[]): string {
  const texts = objects.map((object) =>
    stringify(object, { defaultStringType: "QUOTE_DOUBLE", defaultKeyType: "PLAIN", lineWidth: 0 }),
  );
  return `${DECODE}${texts.join("---\n")}`;
}

/** How a Task reads the param `drawbridge-payload`: a comment above the objects. */
const DECODE = `# All values of the event are in the param drawbridge-payload. A Task has it in its env, and reads it so
#   printf '%s' "$PAYLOAD" | tr '_-' '/+' | base64 -d > payload.json
#   title="$(jq -r .params.title payload.json)"
`;

function listenerOf({ name, settings }: RenderedTarget): Listener {
  const { listener, namespaces = [], identity } = v.parse(listenerTarget, settings);
  const [only = "", ...others] = namespaces;
  const namespace = listener?.namespace ?? (others.length === 0 && !only.endsWith("*") ? only : "");
  if (namespace === "") {
    throw invalid(`targets.${name}: which namespace has the listener? Set "listener.namespace"`);
  }
  const listenerName = listener?.name ?? name;
  if (!/^[a-z0-9]([a-z0-9-]{0,58}[a-z0-9])?$/.test(listenerName)) {
    throw invalid(
      `targets.${name}: no listener can have this name: it ends in a dash or has over 60 characters. Set "listener.name"`,
    );
  }
  const audience = listener?.interceptor && identity && "bridge" in identity ? identity.bridge.audience : undefined;
  return { name: listenerName, namespace, secret: listener?.secret, audience, allowFrom: listener?.allowFrom };
}

const invalid = (message: string): Fault => new Fault("configuration_invalid", message, { retryable: false });

function eventListener(listener: Listener): KubernetesObject & { readonly spec: object } {
  const { name, namespace } = listener;
  return {
    apiVersion: "triggers.tekton.dev/v1beta1",
    kind: "EventListener",
    metadata: { name, namespace, labels: listenerLabel(listener) },
    spec: {
      serviceAccountName: accountOf(listener),
      triggers: [probeTrigger(listener)],
      labelSelector: { matchLabels: listenerLabel(listener) },
    },
  };
}
