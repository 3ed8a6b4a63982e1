import * as v from "valibot";
import { nonEmptyText } from "../host/non-empty-text.ts";

/** RFC 6749 §3.3: the characters of a scope. */
const scopeName = v.pipe(
  v.string(),
  v.regex(/^[!#-[\]-~]{1,100}$/, "a scope: printable ASCII without blanks and quotes"),
);

const grant = v.strictObject({
  role: v.pipe(nonEmptyText, v.description("Holders of this role may ask for a token.")),
  scopes: v.optional(
    v.pipe(v.array(scopeName), v.description("The scopes that they may have. Without it, a token without scopes.")),
    [],
  ),
  run: v.optional(
    v.pipe(
      v.picklist(["required", "optional"]),
      v.description(
        "`required`: the token that is exchanged must belong to a run that has not ended, and the new token ends with the run.",
      ),
    ),
    "required",
  ),
});

/** Exact names, because a `*` would give what a later release of the cluster adds. */
const kubernetesNames = (description: string) =>
  v.pipe(
    v.array(v.pipe(v.string(), v.regex(/^[a-z][a-z0-9./-]*$/, "a name, and no `*`"))),
    v.minLength(1),
    v.description(description),
  );

const kubernetesRule = v.strictObject({
  namespace: v.pipe(
    v.string(),
    v.regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, "a namespace"),
    v.description("The namespace in which the scope allows this."),
  ),
  groups: v.optional(
    v.pipe(v.array(v.string()), v.minLength(1), v.description('API groups. `""` is the core group.')),
    [""],
  ),
  resources: kubernetesNames("Resources, such as `deployments`."),
  names: v.optional(kubernetesNames("Names of the objects. Without it, all objects.")),
  verbs: kubernetesNames("Verbs, such as `get` and `patch`."),
});

const METHOD = v.pipe(v.string(), v.regex(/^[A-Z]{3,20}$/, "a method in capital letters"));
const PATH_GLOB = v.pipe(v.string(), v.regex(/^\/[A-Za-z0-9._~!$&'()+,=:@%*/-]*$/, "a path that begins with /"));

const gatewayRequest = v.strictObject({
  methods: v.pipe(v.array(METHOD), v.minLength(1), v.description("Methods, such as `GET`. `HEAD` is one of its own.")),
  paths: v.pipe(
    v.array(PATH_GLOB),
    v.minLength(1),
    v.description("Paths without the query. `*` stands for characters other than `/`, and `**` for any."),
  ),
  scope: v.pipe(scopeName, v.description("The scope that the caller needs for these requests.")),
});

/** One entry under `upstreams:` in `drawbridge.yaml`: a service for which the bridge issues short-lived access tokens. */
export const upstream = v.strictObject({
  audience: v.pipe(nonEmptyText, v.description("`aud` of the tokens. The service must accept no other audience.")),
  minutes: v.optional(
    v.pipe(
      v.number(),
      v.integer(),
      v.minValue(1),
      v.maxValue(60),
      v.description("Lifetime of a token in minutes. It never outlives the token that it was exchanged for."),
    ),
    10,
  ),
  allow: v.pipe(v.array(grant), v.minLength(1), v.description("Who may ask for a token, and with which scopes.")),
  requests: v.optional(
    v.pipe(
      v.array(gatewayRequest),
      v.description("For a gateway that asks the bridge: which requests need which scope. All others are refused."),
    ),
    [],
  ),
  mode: v.optional(
    v.pipe(
      v.picklist(["enforce", "shadow"]),
      v.description("`shadow`: a gateway that asks lets every request pass, and the audit has what would be refused."),
    ),
    "enforce",
  ),
  kubernetes: v.optional(
    v.pipe(
      v.record(
        v.pipe(
          v.string(),
          v.regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, "a scope of small letters, digits and dashes"),
        ),
        v.pipe(v.array(kubernetesRule), v.minLength(1)),
      ),
      v.description(
        "For a Kubernetes API server: what each scope allows there. `drawbridge upstream roles` prints the objects.",
      ),
    ),
    {},
  ),
});
export type Upstream = v.InferOutput<typeof upstream>;
export type Upstreams = Readonly<Record<string, Upstream>>;
