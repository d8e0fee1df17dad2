package controllers_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/controllers"
	"novasphere.dev/wukong-network/e2e/world"
)

// Invariant 6: what the controller did not create it never changes or deletes. It cannot read Secrets; the API server can.
func TestASecretOfSomebodyElseStaysAsItIsWithAndWithoutThePolicyAboutSecrets(t *testing.T) {
	w := theWorld(t)
	for _, policy := range []string{"on", "off"} {
		t.Run("the policy is "+policy, func(t *testing.T) {
			if policy == "off" {
				withoutSecretsPolicy(t, w)
			}
			t.Run("a Secret with the name for somebody else's machine", func(t *testing.T) { testTheStableName(t, w, "stable-"+policy) })
			t.Run("a Secret with the name for a request", func(t *testing.T) { testTheNameOfARequest(t, w, "hashed-"+policy) })
			t.Run("a Secret that the status calls one of an earlier request", func(t *testing.T) { testAFormerSecret(t, w, "former-"+policy) })
		})
	}
}

// theirSecrets are Secrets that the controller did not make, some with more than one thing in common with those that it makes.
func theirSecrets() map[string]func(*corev1.Secret) {
	return map[string]func(*corev1.Secret){
		"with keys of theirs":         func(s *corev1.Secret) { s.StringData = map[string]string{"password": "theirs"} },
		"with the same keys":          func(*corev1.Secret) {},
		"with the same labels":        func(s *corev1.Secret) { s.Labels = labelsOfOurs },
		"with an owner of theirs":     func(s *corev1.Secret) { s.Labels, s.OwnerReferences = labelsOfOurs, ownedBy("ConfigMap", "web") },
		"of another Wukong":           func(s *corev1.Secret) { s.Labels, s.OwnerReferences = labelsOfOurs, ownedBy("Wukong", "other") },
		"that a Wukong owns":          func(s *corev1.Secret) { s.OwnerReferences = ownedBy("Wukong", "web") },
		"of another type":             func(s *corev1.Secret) { s.Type = "example.com/theirs" },
		"that is immutable":           func(s *corev1.Secret) { s.Immutable = new(true) },
		"that is immutable and empty": func(s *corev1.Secret) { s.Immutable, s.StringData = new(true), nil },
	}
}

var labelsOfOurs = map[string]string{v1alpha1.ManagedByLabel: v1alpha1.ManagedBy, v1alpha1.WukongLabel: "web"}

// ownedBy refers to an owner of a kind that the API server does not have, so that garbage collection leaves the Secret alone.
func ownedBy(kind, name string) []metav1.OwnerReference {
	return []metav1.OwnerReference{{APIVersion: "example.com/v1", Kind: kind, Name: name, UID: types.UID("of-" + name)}}
}

func testTheStableName(t *testing.T, w *world.World, fabric string) {
	ns := namespaceLabelled(t, w, nil)
	network := fabricOf(t, w, fabric, 0, 0, ns)
	wk := static(ns, "web", network.Name, "192.0.2.10/24")
	wk.Spec.VirtualMachineName = "theirs"
	mac := v1alpha1.MACAddress("02:00:00:00:15:01")
	wk.Spec.Networks[0].MACAddress = &mac
	create(t, w, theirMachine(ns, "theirs", ""))
	for name, change := range theirSecrets() {
		wk := wk.DeepCopy()
		theirs := stored(t, w, ns, "web-net", change)
		create(t, w, wk)
		refuses(t, w, wk, theirs, name)
		drop(t, w, theirs)
		eventually(t, condition(w, wk, v1alpha1.ConditionGuestNetworkReady, metav1.ConditionTrue, ""))
		if since := wk.Status.NetworkDataSince; since == nil {
			t.Errorf("%s: the status does not say since when Secret web-net has its content", name)
		}
		drop(t, w, wk)
		drop(t, w, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "web-net"}})
	}
}

func testTheNameOfARequest(t *testing.T, w *world.World, fabric string) {
	ns := namespaceLabelled(t, w, nil)
	network := fabricOf(t, w, fabric, 0, 0, ns)
	wk := static(ns, "web", network.Name, "192.0.2.10/24")
	wk.Spec.Networks[0].IPConfig.Reserved = true // the same Wukong gets it again at once
	first := wk.DeepCopy()
	create(t, w, first)
	eventually(t, condition(w, first, v1alpha1.ConditionGuestNetworkReady, metav1.ConditionTrue, ""))
	needed := first.Status.NetworkDataSecret
	drop(t, w, first)
	drop(t, w, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: needed}})
	theirs := stored(t, w, ns, needed, theirSecrets()["with the same labels"])
	create(t, w, wk)
	refuses(t, w, wk, theirs, "with the same labels")
	drop(t, w, theirs)
	eventually(t, condition(w, wk, v1alpha1.ConditionGuestNetworkReady, metav1.ConditionTrue, ""))
}

func testAFormerSecret(t *testing.T, w *world.World, fabric string) {
	wk, vm := withMachine(t, w, fabric)
	runMachine(t, w, vm, fabric+"-1", nil)
	eventually(t, condition(w, wk, v1alpha1.ConditionVirtualMachineReady, metav1.ConditionTrue, v1alpha1.ReasonRunning))
	name := wk.Status.NetworkDataSecret
	name = name[:len(name)-3] + "zzz"
	theirs := stored(t, w, wk.Namespace, name, theirSecrets()["that is immutable"])
	eventually(t, func() error {
		if err := w.Admin.Get(t.Context(), keyOf(wk), wk); err != nil {
			return err
		}
		wk.Status.FormerSecrets = []string{name}
		return w.Admin.Status().Update(t.Context(), wk)
	})
	eventually(t, func() error {
		if err := w.Admin.Get(t.Context(), keyOf(wk), wk); err != nil || len(wk.Status.FormerSecrets) == 0 {
			return err
		}
		return fmt.Errorf("former Secrets %v", wk.Status.FormerSecrets)
	})
	same(t, w, theirs, "of an earlier request")
}

// stored makes a Secret of somebody else.
func stored(t *testing.T, w *world.World, namespace, name string, change func(*corev1.Secret)) *corev1.Secret {
	t.Helper()
	out := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, StringData: map[string]string{"userdata": "theirs"}}
	change(out)
	create(t, w, out)
	return out
}

// refuses waits until a Wukong says that a Secret is in its way, and looks whether that is as it was.
func refuses(t *testing.T, w *world.World, wk *v1alpha1.Wukong, theirs *corev1.Secret, which string) {
	t.Helper()
	eventually(t, condition(w, wk, v1alpha1.ConditionGuestNetworkReady, metav1.ConditionFalse, v1alpha1.ReasonNameTaken))
	want := "Secret " + theirs.Name + " exists and was not made for this Wukong: rename or delete it"
	if got := summary(wk.Status.Conditions); !strings.Contains(got, want) {
		t.Errorf("%s: want %q in %s", which, want, got)
	}
	same(t, w, theirs, which)
}

func same(t *testing.T, w *world.World, theirs *corev1.Secret, which string) {
	t.Helper()
	now := &corev1.Secret{}
	if err := w.Admin.Get(t.Context(), client.ObjectKeyFromObject(theirs), now); err != nil || now.ResourceVersion != theirs.ResourceVersion || now.UID != theirs.UID {
		t.Errorf("the Secret %s was changed: %v", which, err)
	}
}

// drop deletes an object and waits until it is gone.
func drop(t *testing.T, w *world.World, o client.Object) {
	t.Helper()
	eventually(t, func() error {
		err := w.Admin.Delete(t.Context(), o)
		switch {
		case err == nil:
			return fmt.Errorf("%s is still there", o.GetName())
		case apierrors.IsNotFound(err):
			return nil
		}
		return err
	})
}

// withoutSecretsPolicy takes the policy about Secrets of the controller away until the test ends, and waits each time until the API
// server knows.
func withoutSecretsPolicy(t *testing.T, w *world.World) {
	t.Helper()
	binding := &admissionv1.ValidatingAdmissionPolicyBinding{}
	if err := w.Admin.Get(t.Context(), client.ObjectKey{Name: "wukong-network-controller-secrets"}, binding); err != nil {
		t.Fatal(err)
	}
	rc, err := w.Cluster.ServiceAccountConfig(t.Context(), world.Namespace, world.ServiceAccount)
	if err != nil {
		t.Fatal(err)
	}
	its, err := client.New(rc, client.Options{Scheme: controllers.NewScheme()})
	if err != nil {
		t.Fatal(err)
	}
	refused := func(want bool) func() error {
		return func() error {
			probe := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "probe"}}
			got := apierrors.IsForbidden(its.Create(context.Background(), probe, client.DryRunAll))
			if got != want {
				return fmt.Errorf("a Secret without marks is refused: %t, want %t", got, want)
			}
			return nil
		}
	}
	if err := w.Admin.Delete(t.Context(), binding); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		binding.ResourceVersion, binding.UID = "", ""
		if err := w.Admin.Create(context.Background(), binding); err != nil {
			t.Error(err)
		}
		eventually(t, refused(true))
	})
	eventually(t, refused(false))
}

// An answer with what is in a Secret would be a read of it, whatever the verb of the request was.
func TestNoAnswerToTheControllerHasWhatIsInASecret(t *testing.T) {
	w := theWorld(t)
	before := answered.counts()
	wk, vm := withMachine(t, w, "answers")
	vmi := runMachine(t, w, vm, "answers-1", nil)
	eventually(t, condition(w, wk, v1alpha1.ConditionVirtualMachineReady, metav1.ConditionTrue, v1alpha1.ReasonRunning))
	former := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: wk.Namespace, Name: wk.Status.NetworkDataSecret}}
	edit(t, w, former, func(o *corev1.Secret) { o.Finalizers = []string{"example.com/keeps"} }) // so that a delete is answered with the object
	t.Cleanup(func() {
		keeps := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`))
		_ = w.Admin.Patch(context.Background(), former, keeps)
	})
	w.Requests.LoseReply("POST", "secrets") // what is there already is patched
	askFor(t, w, wk, "192.0.2.11/24", "")
	eventually(t, condition(w, wk, v1alpha1.ConditionVirtualMachineReady, metav1.ConditionTrue, v1alpha1.ReasonRestartRequired))
	if err := w.Admin.Delete(t.Context(), vmi); err != nil {
		t.Fatal(err)
	}
	if err := w.Admin.Get(t.Context(), keyOf(vm), vm); err != nil {
		t.Fatal(err)
	}
	runMachine(t, w, vm, "answers-1", nil)
	eventually(t, func() error {
		if err := w.Admin.Get(t.Context(), keyOf(former), former); err != nil || former.DeletionTimestamp != nil {
			return err
		}
		return errWait
	})
	quiet(t, w)
	after := answered.counts()
	for _, method := range []string{"POST", "PATCH", "DELETE"} {
		if after[method] == before[method] {
			t.Errorf("the controller sent no %s", method)
		}
	}
	if len(answered.leaks) > 0 {
		t.Errorf("answers with what is in a Secret: %v", answered.leaks)
	}
}

// answers looks at what the controller is answered about Secrets.
type answers struct {
	mu    sync.Mutex
	by    map[string]int // method
	leaks []string
}

var answered = answers{by: map[string]int{}}

func (a *answers) counts() map[string]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.by)
}

func (a *answers) wrap(next http.RoundTripper) http.RoundTripper {
	return answering(func(req *http.Request) (*http.Response, error) {
		resp, err := next.RoundTrip(req)
		if err != nil || !strings.Contains(req.URL.Path, "/secrets") {
			return resp, err
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return nil, err
		}
		resp.Body = io.NopCloser(bytes.NewReader(body))
		a.mu.Lock()
		defer a.mu.Unlock()
		a.by[req.Method]++
		if bytes.Contains(body, []byte(`"data":`)) {
			a.leaks = append(a.leaks, req.Method+" "+req.URL.Path)
		}
		return resp, nil
	})
}

type answering func(*http.Request) (*http.Response, error)

func (f answering) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }
