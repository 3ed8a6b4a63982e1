/** The trigger that `tekton render` writes for probes. Its run has no step. No route has this name. */
export const PROBE_ROUTE = "drawbridge-probe";

/** Begins the kind of an event about the run of a probe, before the type that it would have: `probe.build.succeeded`. */
export const PROBE_KIND = "probe.";

/** The name of the run that a probe starts, which has the key of the probe's request. */
export const probeRunOf = (key: string): string => `${PROBE_ROUTE}-${key}`;

/** Whether a run has the name of one that a probe started. */
export const isProbeRun = (name: string): boolean => RUN.test(name);

const RUN = new RegExp(`^${PROBE_ROUTE}-e-[a-z2-7]{26}$`);

/**
 * Whether the headers of a request, as an EventListener reports them, are those of a probe. Only the header that names the
 * trigger is read: the others may have credentials.
 */
export function isProbeRequest(headers: unknown): boolean {
  if (typeof headers !== "object" || headers === null || !Object.hasOwn(headers, "Drawbridge-Route")) return false;
  const values: unknown = Reflect.get(headers, "Drawbridge-Route");
  return Array.isArray(values) && values.length === 1 && values[0] === PROBE_ROUTE;
}

/** What is kept of the headers of a probe's request, and of no other request's. */
export const PROBE_HEADERS = JSON.stringify({ "Drawbridge-Route": [PROBE_ROUTE] });
