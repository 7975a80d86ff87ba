package examples_test

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/internal/test/apiserver"
)

// server is an API server with Lighterman's CRDs. It refuses fields that it does not know.
type server struct {
	client.Client
	warnings *apiserver.Warnings
}

func startServer(t *testing.T) *server {
	t.Helper()
	config := apiserver.Start(t, filepath.Join("..", "charts", "lighterman", "files", "crds"))
	s := &server{warnings: new(apiserver.Warnings)}
	config.WarningHandler = s.warnings
	admin, err := client.New(config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s.Client = client.WithFieldValidation(admin, metav1.FieldValidationStrict)
	return s
}

func TestOnAPIServer(t *testing.T) {
	s := startServer(t)
	t.Run("every example is accepted", s.testExamples)
	t.Run("every profile in the documentation is accepted", s.testDocumentation)
}

// testExamples has the server validate every object of every example, and the pods as they are injected.
func (s *server) testExamples(t *testing.T) {
	eachExample(t, func(t *testing.T, e *example) {
		t.Helper()
		for _, o := range e.objects {
			if o.GetKind() == "Namespace" {
				s.namespace(t, o.GetName())
			}
		}
		for _, o := range e.objects {
			s.accept(t, o.DeepCopy())
		}
		stored := e.profileObject.DeepCopy()
		s.accept(t, stored)
		// As in a cluster: with the defaults that the API server fills in.
		asStored := *e
		asStored.profile = profileOf(t, stored)
		asStored.profile.UID, asStored.profile.Generation = "", 0
		for _, p := range e.pods {
			s.accept(t, p.object.DeepCopy())
			after := e.inject(t, p)
			if diff := cmp.Diff(after, asStored.inject(t, p), cmp.AllowUnexported(injected{})); diff != "" {
				t.Errorf("%s is injected in another way with the profile as it is stored:\n%s", p.title(), diff)
			}
			for _, o := range documents(t, p.title(), after.raw) {
				s.accept(t, o, after.warnings...)
			}
		}
	})
}

var yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```")

func (s *server) testDocumentation(t *testing.T) {
	found := 0
	for _, page := range pages(t) {
		found += s.checkPage(t, page)
	}
	if found < 31 { // At least one for each auth mode, and those of docs/profile.md.
		t.Errorf("%d profiles found: are the blocks still marked as yaml?", found)
	}
}

// checkPage validates the profiles of a page, and gives their number.
func (s *server) checkPage(t *testing.T, path string) int {
	t.Helper()
	found := 0
	for _, block := range yamlBlock.FindAllStringSubmatch(string(read(t, path)), -1) {
		if !strings.Contains(block[1], "apiVersion: "+v1alpha1.GroupVersion.String()) {
			continue
		}
		for _, o := range documents(t, path, []byte(block[1])) {
			if o.GetAPIVersion() != v1alpha1.GroupVersion.String() {
				continue
			}
			found++
			if name := o.GetNamespace(); name != "" {
				s.namespace(t, name)
			}
			t.Run(filepath.Base(path)+"/"+o.GetName(), func(t *testing.T) { s.accept(t, o) })
		}
	}
	return found
}

func (s *server) namespace(t *testing.T, name string) {
	t.Helper()
	err := s.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
}

var hidden = regexp.MustCompile(`hides previous definition of "([^"]+)"`)

// accept has the API server validate an object, which becomes what it would store. It may warn of a variable that is there twice where
// Lighterman has told that of an optional reference.
func (s *server) accept(t *testing.T, o *unstructured.Unstructured, told ...string) {
	t.Helper()
	name := o.GetKind() + " " + o.GetName() + o.GetGenerateName()
	s.warnings.Take()
	err := s.Create(t.Context(), o, client.DryRunAll)
	if apierrors.IsAlreadyExists(err) && o.GetKind() == "Namespace" {
		err = nil
	}
	if err != nil {
		t.Errorf("%s: %v", name, err)
	}
	isTold := func(warning string) bool {
		name := hidden.FindStringSubmatch(warning)
		return name != nil && slices.ContainsFunc(told, func(text string) bool {
			return strings.Contains(text, "only optional references in") && strings.Contains(text, name[1])
		})
	}
	if said := slices.DeleteFunc(s.warnings.Take(), isTold); len(said) > 0 {
		t.Errorf("%s: the API server warns: %q", name, said)
	}
}
