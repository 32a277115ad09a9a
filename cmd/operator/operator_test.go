// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
	"github.com/gatehouse-dev/gatehouse/internal/freeport"
	"github.com/gatehouse-dev/gatehouse/internal/testenv"
	"github.com/gatehouse-dev/gatehouse/internal/testio"
)

// beProgram, when set, makes the test binary be the program.
const beProgram = "GATEHOUSE_TEST_BE_OPERATOR"

func TestMain(m *testing.M) {
	if os.Getenv(beProgram) != "" {
		main()
	}
	testenv.Main(m)
}

// start starts the program as a process of its own. stop asks it to end and returns its exit status.
func start(t *testing.T, stderr io.Writer, args ...string) (stop func() int) {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env, cmd.Stderr = append(os.Environ(), beProgram+"=1"), stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceValue(func() int {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Errorf("stop the operator: %v", err)
		}
		_ = cmd.Wait() // the status tells
		return cmd.ProcessState.ExitCode()
	})
	t.Cleanup(func() { stop() })
	return stop
}

// get returns status and body, or zero while nobody answers.
func get(t *testing.T, url string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, ""
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

func isReady(t *testing.T, env *testenv.Env, oc *v1alpha1.OAuthClient) bool {
	t.Helper()
	if err := env.Client.Get(t.Context(), client.ObjectKeyFromObject(oc), oc); err != nil {
		t.Fatal(err)
	}
	return meta.IsStatusConditionTrue(oc.Status.Conditions, string(v1alpha1.ConditionReady))
}

// The whole program: it leads, makes the keys, issues a Secret, tells of a lost key on
// readyz, goes on once it is back, counts, shows no secret and ends when asked to.
func TestTheOperatorFromStartToEnd(t *testing.T) {
	env := testenv.Start(t)
	system, ns := env.Namespace(t), env.Namespace(t)
	probes, metrics := freeport.For(t), freeport.For(t)
	var stderr testio.Log
	stop := start(t, &stderr,
		"--issuer=https://auth.example.com", "--namespace="+system, "--leader-elect", "--kubeconfig="+env.Kubeconfig,
		"--health-probe-bind-address="+probes, "--metrics-bind-address="+metrics)

	oc := &v1alpha1.OAuthClient{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "photoprint"}}
	oc.Spec.CallbackURLs = []v1alpha1.CallbackURL{v1alpha1.CallbackURL("https://" + ns + ".example/callback")}
	if err := env.Client.Create(t.Context(), oc); err != nil {
		t.Fatal(err)
	}
	testenv.Eventually(t, time.Minute, "the client is Ready", func() bool { return isReady(t, env, oc) })
	secret := &corev1.Secret{}
	if err := env.Client.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: "photoprint-oauth"}, secret); err != nil {
		t.Fatal(err)
	}
	events := &corev1.EventList{}
	if err := env.Client.List(t.Context(), events, client.InNamespace(ns)); err != nil || len(events.Items) != 0 {
		t.Errorf("a first issue is told in %d Events (%v)", len(events.Items), err)
	}
	if code, body := get(t, "http://"+probes+"/readyz"); code != http.StatusOK {
		t.Errorf("readyz: %d %s", code, body)
	}
	if code, body := get(t, "http://"+probes+"/healthz"); code != http.StatusOK {
		t.Errorf("healthz: %d %s", code, body)
	}
	// The client is counted when the operator hears of the status that it has written itself. Clients of other tests may be there too.
	counted := regexp.MustCompile(`gatehouse_oauthclients\{ready="True",reason="Issued"\} [1-9]`)
	testenv.Eventually(t, time.Minute, "the metrics count the clients and the reconciles", func() bool {
		_, body := get(t, "http://"+metrics+"/metrics")
		return counted.MatchString(body) && strings.Contains(body, "controller_runtime_reconcile_total")
	})

	late := &v1alpha1.OAuthClient{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "late"}}
	late.Spec.CallbackURLs = oc.Spec.CallbackURLs
	loseAndRestore(t, env, system, probes, &stderr, func() {
		if err := env.Client.Create(t.Context(), late); err != nil {
			t.Fatal(err)
		}
	})
	testenv.Eventually(t, time.Minute, "a client that waited for the key is Ready", func() bool { return isReady(t, env, late) })

	value := string(secret.Data[v1alpha1.KeyClientSecret])
	if text := stderr.String(); strings.Contains(text, value) || strings.Contains(text, credential.Prefix) {
		t.Error("N61: the log shows a client secret")
	}
	if code := stop(); code != 0 {
		t.Errorf("status %d at the end: %s", code, stderr.String())
	}
}

// loseAndRestore deletes the root key of a running operator and puts it back. meanwhile is called while it is gone.
func loseAndRestore(t *testing.T, env *testenv.Env, system, probes string, stderr *testio.Log, meanwhile func()) {
	t.Helper()
	root := &corev1.Secret{}
	key := client.ObjectKey{Namespace: system, Name: credential.OperatorKeySecret}
	if err := env.Client.Get(t.Context(), key, root); err != nil {
		t.Fatal(err)
	}
	if err := env.Client.Delete(t.Context(), root.DeepCopy()); err != nil {
		t.Fatal(err)
	}
	testenv.Eventually(t, time.Minute, "readyz fails", func() bool {
		code, body := get(t, "http://"+probes+"/readyz")
		return code == http.StatusInternalServerError && strings.Contains(body, "[-]keys failed")
	})
	testenv.Eventually(t, time.Minute, "the log says how to restore the key", func() bool {
		text := stderr.String()
		return strings.Contains(text, "The Secret "+system+"/"+root.Name+" is missing") && strings.Contains(text, "backup")
	})
	if err := env.Client.Get(t.Context(), key, &corev1.Secret{}); !apierrors.IsNotFound(err) {
		t.Errorf("the root key is back by itself: %v", err)
	}
	testenv.Eventually(t, time.Minute, "an Event tells of it", func() bool { return told(t, env, system) })
	meanwhile()
	root.ResourceVersion, root.UID = "", ""
	if err := env.Client.Create(t.Context(), root); err != nil {
		t.Fatal(err)
	}
	testenv.Eventually(t, time.Minute, "readyz is fine again", func() bool {
		code, _ := get(t, "http://"+probes+"/readyz")
		return code == http.StatusOK
	})
}

func told(t *testing.T, env *testenv.Env, namespace string) bool {
	t.Helper()
	events := &corev1.EventList{}
	if err := env.Client.List(t.Context(), events, client.InNamespace(namespace)); err != nil {
		t.Fatal(err)
	}
	for _, e := range events.Items {
		if e.Reason == "KeyMissing" && e.InvolvedObject.Name == credential.OperatorKeySecret && strings.Contains(e.Message, "backup") {
			return true
		}
	}
	return false
}

func TestWithoutAClusterTheOperatorSaysSo(t *testing.T) {
	missing := fmt.Sprintf("%s/kubeconfig", t.TempDir())
	o, err := parseFlags([]string{"--issuer=https://auth.example.com", "--kubeconfig=" + missing}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if err := serve(t.Context(), o); err == nil || !strings.Contains(err.Error(), "find a cluster") || !strings.Contains(err.Error(), missing) {
		t.Errorf("error %v", err)
	}
}

func TestAPortThatIsInUseEndsTheOperatorWithAClearSentence(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	o, err := parseFlags([]string{
		"--issuer=https://auth.example.com", "--metrics-bind-address=0", "--health-probe-bind-address=" + taken.Addr().String(),
	}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	_, err = newManager(t.Context(), testenv.Start(t).Config, o)
	if err == nil || !strings.Contains(err.Error(), taken.Addr().String()) || !strings.Contains(err.Error(), "in use") {
		t.Errorf("error %v", err)
	}
}

// Two replicas as they are deployed: both are ready, one leads, and when it ends it gives the
// lease away, so that the other one goes on at once.
func TestOfTwoReplicasOneLeadsAndTheOtherTakesOver(t *testing.T) {
	env := testenv.Start(t)
	system, ns := env.Namespace(t), env.Namespace(t)
	var probes [2]string
	var stops [2]func() int
	for i := range probes {
		probes[i] = freeport.For(t)
		stops[i] = start(t, io.Discard,
			"--issuer=https://auth.example.com", "--namespace="+system, "--leader-elect", "--class=replicas", "--kubeconfig="+env.Kubeconfig,
			"--health-probe-bind-address="+probes[i], "--metrics-bind-address=0")
	}
	holder := func() string {
		lease := &coordinationv1.Lease{}
		err := env.Client.Get(t.Context(), client.ObjectKey{Namespace: system, Name: name}, lease)
		if client.IgnoreNotFound(err) != nil {
			t.Fatal(err)
		}
		if lease.Spec.HolderIdentity == nil {
			return ""
		}
		return *lease.Spec.HolderIdentity
	}
	testenv.Eventually(t, time.Minute, "both replicas are ready and one leads", func() bool {
		first, _ := get(t, "http://"+probes[0]+"/readyz")
		second, _ := get(t, "http://"+probes[1]+"/readyz")
		return first == http.StatusOK && second == http.StatusOK && holder() != ""
	})
	declare := func(name string) *v1alpha1.OAuthClient {
		oc := &v1alpha1.OAuthClient{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name}}
		oc.Spec.ClassName = "replicas" // clients of other tests were issued with other keys
		oc.Spec.CallbackURLs = []v1alpha1.CallbackURL{v1alpha1.CallbackURL("https://" + ns + ".example/" + name)}
		if err := env.Client.Create(t.Context(), oc); err != nil {
			t.Fatal(err)
		}
		return oc
	}
	before := declare("before")
	testenv.Eventually(t, time.Minute, "a client is ready", func() bool { return isReady(t, env, before) })

	// Which of the two leads is in nobody's metrics here: end one, and if the lease has not
	// moved, it was the other one.
	leader := holder()
	if code := stops[0](); code != 0 {
		t.Errorf("status %d at the end", code)
	}
	switch now := holder(); now {
	case leader: // the second one leads, and goes on
	default: // the first one led: the lease is free, or the other one's already
		testenv.Eventually(t, time.Minute, "the other replica leads", func() bool { return holder() != "" && holder() != leader })
	}
	after := declare("after")
	testenv.Eventually(t, time.Minute, "a client is ready after the handover", func() bool { return isReady(t, env, after) })
	last := holder()
	if code := stops[1](); code != 0 {
		t.Errorf("status %d at the end", code)
	}
	if now := holder(); now == last {
		t.Errorf("the lease is still held by %s, which has ended", now)
	}
}

// N104: two replicas do not count every client twice, and who takes over counts.
func TestN104OnlyTheLeaderCountsTheClients(t *testing.T) {
	env := testenv.Start(t)
	system, ns := env.Namespace(t), env.Namespace(t)
	oc := &v1alpha1.OAuthClient{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "photoprint"}}
	oc.Spec.CallbackURLs = []v1alpha1.CallbackURL{v1alpha1.CallbackURL("https://" + ns + ".example/callback")}
	if err := env.Client.Create(t.Context(), oc); err != nil {
		t.Fatal(err)
	}
	var metrics [2]string
	var stops [2]func() int
	for i := range metrics {
		metrics[i] = freeport.For(t)
		stops[i] = start(t, io.Discard,
			"--issuer=https://auth.example.com", "--namespace="+system, "--leader-elect", "--kubeconfig="+env.Kubeconfig,
			"--health-probe-bind-address=0", "--metrics-bind-address="+metrics[i])
	}
	counts := func(i int) bool {
		_, body := get(t, "http://"+metrics[i]+"/metrics")
		return strings.Contains(body, "gatehouse_oauthclients{")
	}
	testenv.Eventually(t, time.Minute, "one replica counts and both answer", func() bool {
		codes := [2]int{}
		for i := range metrics {
			codes[i], _ = get(t, "http://"+metrics[i]+"/metrics")
		}
		return codes == [2]int{http.StatusOK, http.StatusOK} && (counts(0) || counts(1))
	})
	leader, standby := 0, 1
	if counts(1) {
		leader, standby = 1, 0
	}
	if counts(standby) {
		t.Error("both replicas count the clients")
	}
	if code := stops[leader](); code != 0 {
		t.Errorf("status %d at the end", code)
	}
	testenv.Eventually(t, time.Minute, "the other replica counts", func() bool { return counts(standby) })
}
