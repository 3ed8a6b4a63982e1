import type { ListenerSettings } from "./manifest-settings.ts";

/** A Kubernetes object, as `kubectl apply` takes it. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    /** Undefined for an object of the whole cluster. */
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
}

/** The EventListener of a target, with the defaults of its settings. */
export interface Listener {
  readonly name: string;
  readonly namespace: string;
  readonly secret?: string | undefined;
  /** The audience of the bridge's tokens, which the interceptor verifies. Undefined if no trigger asks it. */
  readonly audience?: string | undefined;
  readonly allowFrom?: ListenerSettings["allowFrom"];
}

/** The label by which a listener selects its triggers. All objects of a listener in its namespace have it. */
export const listenerLabel = ({ name }: Listener): Readonly<Record<string, string>> => ({
  "drawbridge.dev/listener": name,
});

/** The service account of the listener's pod. */
export const accountOf = ({ name }: Listener): string => `el-${name}`;
