package tekton

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"unicode"

	pipelinev1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	triggersv1 "github.com/tektoncd/triggers/pkg/apis/triggers/v1beta1"
	"github.com/tektoncd/triggers/pkg/template"
)

const (
	// Go visits a map in another order each time, so one resolution shows little.
	resolutions = 4
	// Values of 32,768 bytes, of which JSON can make six characters each, and the template itself.
	maxResourceBytes = 6*32_768 + 8_192
	payloadParam     = "drawbridge-payload"
)

// line is one request that the bridge made.
type line struct {
	// Body is the text that the bridge posts.
	Body string `json:"body"`
	// Values is the JSON text of all values: what the payload must have.
	Values string `json:"values"`
	// Params are the values of the params. A value that is no valid Unicode text is null.
	Params map[string]*string `json:"params"`
	// Name is the expected name of the run.
	Name string `json:"name"`
}

func lines(t *testing.T) []line {
	t.Helper()
	file, err := os.Open(os.Getenv("TEKTON_BODIES"))
	if err != nil {
		t.Fatalf("TEKTON_BODIES names no file with requests; start this test by `npm run test:tekton`: %v", err)
	}
	defer file.Close()
	var all []line
	scanner := bufio.NewScanner(file)
	scanner.Buffer(make([]byte, 1<<20), 1<<24)
	for scanner.Scan() {
		var one line
		if err := json.Unmarshal(scanner.Bytes(), &one); err != nil {
			t.Fatal(err)
		}
		all = append(all, one)
	}
	if err := scanner.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// trigger reads the rendered binding and template.
func trigger(t *testing.T) template.ResolvedTrigger {
	t.Helper()
	stream, err := os.ReadFile(os.Getenv("TEKTON_RENDERED"))
	if err != nil {
		t.Fatal(err)
	}
	var resolved template.ResolvedTrigger
	for _, object := range decode(t, "the rendered objects", stream) {
		if err := validate(object); err != nil {
			t.Errorf("%T: %v", object, err)
		}
		switch found := object.(type) {
		case *triggersv1.TriggerBinding:
			resolved.TriggerBindings = append(resolved.TriggerBindings, found)
			resolved.BindingParams = append(resolved.BindingParams, found.Spec.Params...)
		case *triggersv1.TriggerTemplate:
			resolved.TriggerTemplate = found
		}
	}
	if resolved.TriggerTemplate == nil || len(resolved.BindingParams) == 0 {
		t.Fatal("the rendered objects have no binding or no template")
	}
	return resolved
}

// resolve does what the listener does with a request: bindings, then the template. Returns the resource that it creates.
func resolve(t *testing.T, resolved template.ResolvedTrigger, body string) []byte {
	t.Helper()
	header := http.Header{"Drawbridge-Route": {"docs-build"}}
	params, err := template.ResolveParams(resolved, []byte(body), header, nil, template.NewTriggerContext("14a657c3"))
	if err != nil {
		t.Fatalf("the bindings fail: %v\n%s", err, body)
	}
	resources := template.ResolveResources(resolved.TriggerTemplate, params)
	if len(resources) != 1 {
		t.Fatalf("%d resources", len(resources))
	}
	return resources[0]
}

func runOf(t *testing.T, resource []byte) *pipelinev1.PipelineRun {
	t.Helper()
	var run pipelinev1.PipelineRun
	decoder := json.NewDecoder(bytes.NewReader(resource))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&run); err != nil {
		t.Fatalf("the resource is no PipelineRun: %v\n%s", err, resource)
	}
	return &run
}

// isSafe states the rule of the bridge independently of its code.
func isSafe(value string) bool {
	return !strings.Contains(value, "$(") && !strings.Contains(value, "$$") && !strings.HasSuffix(value, "$") &&
		!strings.ContainsFunc(value, unicode.IsControl)
}

// joined is what a Pipeline makes of two params that it writes behind each other. The reconciler replaces params first and
// the context after that (ApplyParameters and ApplyContexts of pkg/reconciler/pipelinerun/resources).
func joined(first, second string) string {
	value := pipelinev1.ParamValue{Type: pipelinev1.ParamTypeString, StringVal: "$(params.first)$(params.second)"}
	value.ApplyReplacements(map[string]string{"params.first": first, "params.second": second}, nil, nil)
	value.ApplyReplacements(map[string]string{"context.pipelineRun.name": "EXPANDED"}, nil, nil)
	return value.StringVal
}

func TestValuesOfRuns(t *testing.T) {
	resolved := trigger(t)
	all := lines(t)
	empty, largest := 0, 0
	for _, one := range all {
		resource := resolve(t, resolved, one.Body)
		for range resolutions - 1 {
			if again := resolve(t, resolved, one.Body); !bytes.Equal(again, resource) {
				t.Fatalf("two resolutions of one request differ:\n%s\n%s", resource, again)
			}
		}
		largest = max(largest, len(resource))
		if len(resource) > maxResourceBytes {
			t.Fatalf("the resource has %d bytes:\n%s", len(resource), one.Body)
		}
		run := runOf(t, resource)
		if err := validate(run); err != nil {
			t.Fatalf("Tekton refuses the run: %v\n%s", err, one.Body)
		}
		if run.Name != one.Name {
			t.Fatalf("the run has the name %s and not %s", run.Name, one.Name)
		}
		if run.Spec.PipelineRef == nil || run.Spec.PipelineRef.Name != "docs" || run.Spec.TaskRunTemplate.ServiceAccountName != "docs-builder" {
			t.Fatalf("the request changed what runs:\n%s", resource)
		}
		params := map[string]string{}
		for _, param := range run.Spec.Params {
			if param.Value.Type != pipelinev1.ParamTypeString {
				t.Fatalf("param %s is no text:\n%s", param.Name, resource)
			}
			params[param.Name] = param.Value.StringVal
		}
		payload, err := base64.RawURLEncoding.DecodeString(params[payloadParam])
		if err != nil {
			t.Fatalf("the payload is no base64url: %v", err)
		}
		if strings.TrimRight(string(payload), " ") != one.Values {
			t.Fatalf("the payload is not what was sent:\n%s\n%s", payload, one.Values)
		}
		for name, sent := range one.Params {
			got, found := params[name]
			if !found {
				t.Fatalf("the run has no param %s", name)
			}
			isSent := sent != nil && got == *sent
			if got != "" && !isSent {
				t.Fatalf("param %s has %q, and %v was sent", name, got, sent)
			}
			if sent != nil && isSafe(*sent) && !isSent {
				t.Fatalf("param %s is empty, although %q is safe", name, *sent)
			}
			if got == "" {
				empty++
			}
		}
		if made := joined(params["title"], params["body"]); made != params["title"]+params["body"] {
			t.Fatalf("two safe values became a variable: %q", made)
		}
	}
	t.Logf("%d requests, %d values left empty, largest resource %d bytes", len(all), empty, largest)
}

// TestRuleIsNeeded shows that each part of the rule is needed: Tekton changes or refuses such a value.
func TestRuleIsNeeded(t *testing.T) {
	resolved := trigger(t)
	all := lines(t)
	if len(all) == 0 {
		t.Fatal("no request")
	}
	withTitle := func(title string) string {
		var body map[string]any
		if err := json.Unmarshal([]byte(all[0].Body), &body); err != nil {
			t.Fatal(err)
		}
		body["params"].(map[string]any)["title"] = title
		text, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	titleOf := func(run *pipelinev1.PipelineRun) string {
		for _, param := range run.Spec.Params {
			if param.Name == "title" {
				return param.Value.StringVal
			}
		}
		return ""
	}
	for _, title := range []string{"$(tasks.build.results.digest)", "Cost $(5)", "$(uid)"} {
		run := runOf(t, resolve(t, resolved, withTitle(title)))
		if validate(run) == nil && titleOf(run) == title {
			t.Errorf("Tekton takes %q as it is", title)
		}
	}
	if made := joined("US$", "(context.pipelineRun.name)"); made != "USEXPANDED" {
		t.Errorf("a $ at the end makes no variable of what follows: %q", made)
	}
}
