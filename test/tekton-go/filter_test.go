package tekton

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	pipelinev1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	triggersv1 "github.com/tektoncd/triggers/pkg/apis/triggers/v1beta1"
	"github.com/tektoncd/triggers/pkg/interceptors/cel"
	"github.com/tektoncd/triggers/pkg/template"
)

// secrets has the keys of the Secret that the golden file names. A key that is missing is an error, as at a cluster.
type secrets map[string]string

func (s secrets) Get(_ context.Context, namespace string, ref *triggersv1.SecretRef) ([]byte, error) {
	value, ok := s[ref.SecretKey]
	if !ok || namespace != "ci" || ref.SecretName != "drawbridge-token" {
		return nil, fmt.Errorf("no key %s in %s/%s", ref.SecretKey, namespace, ref.SecretName)
	}
	return []byte(value), nil
}

const (
	span = "00-0f57e147e992b304d977436289d10628-73d5909e31793992-01"
	body = `{"delivery":{"id":"d-1","key":"e-1","approvedRef":"abc","proof":"p"},"params":{"page":"1","title":"t","commit":"abc","tag":"v1"},"actor":{"id":"a"},"payload":"e30"}`
)

// golden reads the golden file of a listener with three routes.
func golden(t *testing.T) []any {
	t.Helper()
	path := filepath.Join("..", "unit", "actions", "tekton", "golden", "docs-listener.yaml")
	stream, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return decode(t, path, stream)
}

// ask runs the interceptor of a trigger as the core interceptors do.
func ask(t *testing.T, interceptors []*triggersv1.TriggerInterceptor, stored secrets, header http.Header, body string) *triggersv1.InterceptorResponse {
	t.Helper()
	if len(interceptors) != 1 || interceptors[0].Ref.Name != "cel" {
		t.Fatalf("not one CEL interceptor: %v", interceptors)
	}
	params := map[string]any{}
	for _, param := range interceptors[0].Params {
		var value any
		if err := json.Unmarshal(param.Value.Raw, &value); err != nil {
			t.Fatal(err)
		}
		params[param.Name] = value
	}
	return cel.NewInterceptor(stored).Process(context.Background(), &triggersv1.InterceptorRequest{
		Body: body, Header: header, InterceptorParams: params,
		Context: &triggersv1.TriggerContext{EventURL: "http://el/", EventID: "1", TriggerID: "namespaces/ci/triggers/t"},
	})
}

// TestFilters shows which requests start the runs of the golden file.
func TestFilters(t *testing.T) {
	both := secrets{"token": "the-token", "next": "the-next"}
	cases := []struct {
		name   string
		stored secrets
		header http.Header
		body   string
		runs   bool
	}{
		{"the token", both, http.Header{"Authorization": {"Bearer the-token"}}, body, true},
		{"the next token", both, http.Header{"Authorization": {"Bearer the-next"}}, body, true},
		{"the token, of a Secret with one key", secrets{"token": "the-token"}, http.Header{"Authorization": {"Bearer the-token"}}, body, true},
		{"another token", both, http.Header{"Authorization": {"Bearer the-toke"}}, body, false},
		{"another token, of a Secret with one key", secrets{"token": "the-token"}, http.Header{"Authorization": {"Bearer x"}}, body, false},
		{"the token under another scheme", both, http.Header{"Authorization": {"the-token"}}, body, false},
		{"no token", both, http.Header{}, body, false},
		{"no token, of a Secret with an empty key", secrets{"token": "the-token", "next": ""}, http.Header{}, body, false},
		{"an empty token, of a Secret with an empty key", secrets{"token": "the-token", "next": ""}, http.Header{"Authorization": {"Bearer "}}, body, false},
		{"the token, of no Secret", secrets{}, http.Header{"Authorization": {"Bearer the-token"}}, body, false},
		{"another route", both, http.Header{"Authorization": {"Bearer the-token"}, "Drawbridge-Route": {"other"}}, body, false},
		{"a body of somebody else", both, http.Header{"Authorization": {"Bearer the-token"}}, `{"page":"1"}`, false},
	}
	for _, object := range golden(t) {
		name, interceptors := "", []*triggersv1.TriggerInterceptor{}
		switch found := object.(type) {
		case *triggersv1.Trigger:
			name, interceptors = found.Name, found.Spec.Interceptors
		case *triggersv1.EventListener:
			name, interceptors = found.Spec.Triggers[0].Name, found.Spec.Triggers[0].Interceptors
		default:
			continue
		}
		for _, one := range cases {
			header := one.header.Clone()
			if header.Get("Drawbridge-Route") == "" {
				header.Set("Drawbridge-Route", name)
			}
			if answer := ask(t, interceptors, one.stored, header, one.body); answer.Continue != one.runs {
				t.Errorf("%s with %s: continue is %v: %s", name, one.name, answer.Continue, answer.Status.Message)
			}
		}
	}
}

// TestApprovedCommit shows that a run which needs an approval starts for no other commit.
func TestApprovedCommit(t *testing.T) {
	stored := secrets{"token": "the-token"}
	for _, object := range golden(t) {
		trigger, ok := object.(*triggersv1.Trigger)
		if !ok || trigger.Name != "docs-deploy" {
			continue
		}
		header := http.Header{"Drawbridge-Route": {"docs-deploy"}, "Authorization": {"Bearer the-token"}}
		for _, approved := range []string{"abd", ""} {
			other := fmt.Sprintf(`{"delivery":{"id":"d","key":"e","approvedRef":%q},"params":{"commit":"abc","tag":"v1"}}`, approved)
			if ask(t, trigger.Spec.Interceptors, stored, header, other).Continue {
				t.Errorf("a run starts for the commit abc, and %q is approved", approved)
			}
		}
		return
	}
	t.Fatal("the golden file has no trigger docs-deploy")
}

// TestSpan shows which span Pipelines reads from a run, and that the runs of the golden file are valid.
func TestSpan(t *testing.T) {
	bindings, templates := map[string]*triggersv1.TriggerBinding{}, map[string]*triggersv1.TriggerTemplate{}
	objects := golden(t)
	triggers := []*triggersv1.Trigger{}
	for _, object := range objects {
		switch found := object.(type) {
		case *triggersv1.TriggerBinding:
			bindings[found.Name] = found
		case *triggersv1.TriggerTemplate:
			templates[found.Name] = found
		case *triggersv1.Trigger:
			triggers = append(triggers, found)
		case *triggersv1.EventListener:
			inline := found.Spec.Triggers[0]
			probe := &triggersv1.Trigger{Spec: triggersv1.TriggerSpec{Bindings: inline.Bindings, Template: *inline.Template, Interceptors: inline.Interceptors}}
			probe.Name = inline.Name
			triggers = append(triggers, probe)
		}
	}
	if len(triggers) != 4 {
		t.Fatalf("%d triggers", len(triggers))
	}
	for _, trigger := range triggers {
		for _, sent := range []string{span, "", span + "\"}", "00-" + span, "$(uid)"} {
			header := http.Header{"Drawbridge-Route": {trigger.Name}, "Authorization": {"Bearer the-token"}}
			if sent != "" {
				header.Set("Traceparent", sent)
			}
			answer := ask(t, trigger.Spec.Interceptors, secrets{"token": "the-token"}, header, body)
			resolved, err := template.ResolveTrigger(*trigger,
				func(name string) (*triggersv1.TriggerBinding, error) { return bindings[name], nil }, nil,
				func(name string) (*triggersv1.TriggerTemplate, error) { return templates[name], nil })
			if err != nil {
				t.Fatal(err)
			}
			params, err := template.ResolveParams(resolved, []byte(body), header, answer.Extensions, template.NewTriggerContext("1"))
			if err != nil {
				t.Fatal(err)
			}
			run := &pipelinev1.PipelineRun{}
			if err := json.Unmarshal(template.ResolveResources(resolved.TriggerTemplate, params)[0], run); err != nil {
				t.Fatal(err)
			}
			if err := validate(run); err != nil {
				t.Errorf("%s: %v", run.Name, err)
			}
			annotation, has := run.Annotations["tekton.dev/pipelinerunSpanContext"]
			carrier := map[string]string{}
			if annotation != "" {
				if err := json.Unmarshal([]byte(annotation), &carrier); err != nil {
					t.Errorf("%s: %q is no span context: %v", trigger.Name, annotation, err)
				}
			}
			expected := ""
			if has && sent == span {
				expected = span
			}
			if carrier["traceparent"] != expected {
				t.Errorf("%s: of %q the run has %q", trigger.Name, sent, annotation)
			}
		}
	}
}
