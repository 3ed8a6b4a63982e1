package tekton

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	pipelinev1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	"github.com/tektoncd/triggers/pkg/apis/triggers/contexts"
	triggersv1alpha1 "github.com/tektoncd/triggers/pkg/apis/triggers/v1alpha1"
	triggersv1 "github.com/tektoncd/triggers/pkg/apis/triggers/v1beta1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"knative.dev/pkg/apis"
	"sigs.k8s.io/yaml"
)

// The kinds that may occur in a manifest of the bridge. A kind without a decoder here fails the test.
var kinds = map[string]func() any{
	"v1/PersistentVolumeClaim":                        func() any { return &corev1.PersistentVolumeClaim{} },
	"apps/v1/Deployment":                              func() any { return &appsv1.Deployment{} },
	"triggers.tekton.dev/v1alpha1/ClusterInterceptor": func() any { return &triggersv1alpha1.ClusterInterceptor{} },
	"v1/ServiceAccount":                               func() any { return &corev1.ServiceAccount{} },
	"v1/ConfigMap":                                    func() any { return &corev1.ConfigMap{} },
	"v1/Service":                                      func() any { return &corev1.Service{} },
	"rbac.authorization.k8s.io/v1/Role":               func() any { return &rbacv1.Role{} },
	"rbac.authorization.k8s.io/v1/RoleBinding":        func() any { return &rbacv1.RoleBinding{} },
	"rbac.authorization.k8s.io/v1/ClusterRole":        func() any { return &rbacv1.ClusterRole{} },
	"rbac.authorization.k8s.io/v1/ClusterRoleBinding": func() any { return &rbacv1.ClusterRoleBinding{} },
	"networking.k8s.io/v1/NetworkPolicy":              func() any { return &networkingv1.NetworkPolicy{} },
	"triggers.tekton.dev/v1beta1/EventListener":       func() any { return &triggersv1.EventListener{} },
	"triggers.tekton.dev/v1beta1/Trigger":             func() any { return &triggersv1.Trigger{} },
	"triggers.tekton.dev/v1beta1/TriggerBinding":      func() any { return &triggersv1.TriggerBinding{} },
	"triggers.tekton.dev/v1beta1/TriggerTemplate":     func() any { return &triggersv1.TriggerTemplate{} },
	"tekton.dev/v1/Pipeline":                          func() any { return &pipelinev1.Pipeline{} },
	"tekton.dev/v1/Task":                              func() any { return &pipelinev1.Task{} },
}

// decode reads the objects of a YAML stream and rejects unknown kinds and unknown fields.
func decode(t *testing.T, name string, stream []byte) []any {
	t.Helper()
	var objects []any
	for _, document := range strings.Split("\n"+string(stream), "\n---\n") {
		var head struct {
			APIVersion string `json:"apiVersion"`
			Kind       string `json:"kind"`
		}
		if err := yaml.Unmarshal([]byte(document), &head); err != nil {
			t.Fatalf("%s is not YAML: %v", name, err)
		}
		if head.Kind == "" {
			continue
		}
		make, known := kinds[head.APIVersion+"/"+head.Kind]
		if !known {
			t.Errorf("%s has a kind that this test does not know: %s %s", name, head.APIVersion, head.Kind)
			continue
		}
		object := make()
		if err := yaml.UnmarshalStrict([]byte(document), object); err != nil {
			t.Errorf("%s: %s: %v", name, head.Kind, err)
			continue
		}
		objects = append(objects, object)
	}
	return objects
}

// validate does what Tekton's admission webhook does with a new object.
func validate(object any) error {
	ctx := contexts.WithUpgradeViaDefaulting(apis.WithinCreate(context.Background()))
	if defaultable, ok := object.(apis.Defaultable); ok {
		defaultable.SetDefaults(ctx)
	}
	validatable, ok := object.(apis.Validatable)
	if !ok {
		return nil
	}
	if err := validatable.Validate(ctx); err != nil {
		return err
	}
	return nil
}

// TestManifests validates every YAML file below the folders in TEKTON_MANIFESTS.
func TestManifests(t *testing.T) {
	files := 0
	for _, root := range filepath.SplitList(os.Getenv("TEKTON_MANIFESTS")) {
		err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !(strings.HasSuffix(path, ".yaml") || strings.HasSuffix(path, ".yml")) {
				return err
			}
			files++
			stream, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, object := range decode(t, path, stream) {
				if err := validate(object); err != nil {
					t.Errorf("%s: %T: %v", path, object, err)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d files", files)
}
