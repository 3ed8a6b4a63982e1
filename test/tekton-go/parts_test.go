package tekton

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	triggersv1 "github.com/tektoncd/triggers/pkg/apis/triggers/v1beta1"
	"github.com/tektoncd/triggers/pkg/interceptors"
	"github.com/tektoncd/triggers/pkg/template"
	corev1 "k8s.io/api/core/v1"
	"path/filepath"
)

type question struct {
	URL, CA, Body, Route, Audience, Trigger, Event, Token, OtherBody, Unsafe string
}

// TestInterceptor asks the interceptor as the sink of a listener does, with the sink's own code, and gives its answer to
// the code that resolves bindings.
func TestInterceptor(t *testing.T) {
	path := os.Getenv("TEKTON_INTERCEPTOR")
	if path == "" {
		t.Skip("run-parts.ts starts the interceptor")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var q question
	if err := json.Unmarshal(text, &q); err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(q.CA)) {
		t.Fatal("the CA is not one for Go")
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}}
	ask := func(token, event, route string) *triggersv1.InterceptorResponse {
		t.Helper()
		header := http.Header{}
		header.Set("content-type", "application/json")
		if token != "" {
			header.Set("authorization", "Bearer "+token)
		}
		answer, err := interceptors.Execute(context.Background(), client, &triggersv1.InterceptorRequest{
			Body:              q.Body,
			Header:            header,
			Extensions:        map[string]interface{}{"earlier": map[string]string{"key": "value"}},
			InterceptorParams: map[string]interface{}{"route": route, "audience": q.Audience},
			Context:           &triggersv1.TriggerContext{EventURL: "/confluence/page.updated", EventID: event, TriggerID: q.Trigger},
		}, q.URL)
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	for name, refused := range map[string]*triggersv1.InterceptorResponse{
		"no token":      ask("", "event-a", q.Route),
		"another body":  ask(q.OtherBody, "event-b", q.Route),
		"another route": ask(q.Token, "event-c", "release"),
	} {
		if refused.Continue || refused.Status.Err().Error() != "rpc error: code = PermissionDenied desc = the request is not one of the bridge for this trigger" {
			t.Errorf("%s: %+v", name, refused)
		}
	}
	if first := ask(q.Token, q.Event, q.Route); !first.Continue {
		t.Fatalf("the bridge's request is refused: %+v", first)
	}
	if again := ask(q.Token, "event-d", q.Route); again.Continue {
		t.Error("a token is accepted for a second request")
	}
	same := ask(q.Token, q.Event, q.Route)
	if got := bound(t, q, same, "who"); got != "gitlab-jobs:project:docs" {
		t.Errorf("who is %q", got)
	}
	if got := bound(t, q, ask(q.Unsafe, "event-e", q.Route), "who"); got != "" {
		t.Errorf("a name that Tekton reads as code reaches the run: %q", got)
	}
}

// bound resolves a binding of an extension, as the listener does.
func bound(t *testing.T, q question, answer *triggersv1.InterceptorResponse, key string) string {
	t.Helper()
	value := "$(extensions.drawbridge." + key + ")"
	resolved := template.ResolvedTrigger{
		BindingParams:   []triggersv1.Param{{Name: "value", Value: value}},
		TriggerTemplate: &triggersv1.TriggerTemplate{Spec: triggersv1.TriggerTemplateSpec{Params: []triggersv1.ParamSpec{{Name: "value"}}}},
	}
	params, err := template.ResolveParams(resolved, []byte(q.Body), http.Header{}, answer.Extensions, template.NewTriggerContext(q.Event))
	if err != nil {
		t.Fatal(err)
	}
	return params[0].Value
}

// TestSink parses the address of the sink as the events controller does.
func TestSink(t *testing.T) {
	password := os.Getenv("TEKTON_SINK_PASSWORD")
	if password == "" {
		t.Skip("run-parts.ts renders the ConfigMap")
	}
	stream, err := os.ReadFile(filepath.Join(os.Getenv("TEKTON_MANIFESTS"), "parts.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range decode(t, "parts.yaml", stream) {
		configMap, is := object.(*corev1.ConfigMap)
		if !is {
			continue
		}
		sink, err := url.Parse(configMap.Data["sink"])
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := sink.User.Password(); got != password || strings.Contains(sink.Host, "@") {
			t.Errorf("the password is read as %q", got)
		}
		return
	}
	t.Error("there is no ConfigMap")
}
