// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

const (
	// keysEvery is how often the three key Secrets are read.
	keysEvery = 10 * time.Second

	reasonKeyMissing   = "KeyMissing"
	reasonKeyClockSkew = "KeyClockSkew"
	// skewEvery is how often a clock skew is reported while it lasts.
	skewEvery = time.Hour
	listPage  = 500
)

// KeysReconciler makes the three key Secrets at first start, rotates the keys of the
// authorization server, and refuses to go on when a key is lost.
type KeysReconciler struct {
	// Client writes, and reads OAuthClients from the cache.
	Client client.Client
	// Live reads from the API server: key Secrets are in no cache.
	Live client.Reader
	// Namespace is where the key Secrets are.
	Namespace string
	// Class is the class of the objects that this installation serves.
	Class v1alpha1.ClassName
	// Keys gets the keys that were found.
	Keys *Keys
	// WakeAll has every object looked at, because the keys changed. nil: nobody waits.
	WakeAll func()
	// NewSigningKey makes a signing key.
	NewSigningKey func(credential.SigningAlgorithm) credential.SigningKey
	// Events tells people.
	Events EventRecorder
	// Now is the clock.
	Now func() time.Time
	// APIServerTime returns what the API server's clock showed in its last answer, or the zero
	// time. nil: it is not known.
	APIServerTime func() time.Time

	every        time.Duration // instead of keysEvery
	skewReported time.Time     // when a clock skew was reported last; zero: there is none
	health       health
}

// Ready is a readiness check: it fails, with a sentence that says what to do, while the
// controller refuses to go on. A replica that was not elected leader has no opinion and is ready.
func (r *KeysReconciler) Ready(*http.Request) error { return r.health.check() }

// SetupWithManager has mgr run the reconciler: at once, every ten seconds, and when the keys of the
// tokens were changed, because somebody may have thrown one out.
func (r *KeysReconciler) SetupWithManager(mgr ctrl.Manager) error {
	all := reconcile.Request{NamespacedName: types.NamespacedName{Namespace: r.Namespace, Name: "keys"}}
	start := source.Func(func(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		queue.Add(all)
		return nil
	})
	r.Keys.source = r.readPair
	changed, err := r.watchSet(mgr, all)
	if err != nil {
		return err
	}
	return ctrl.NewControllerManagedBy(mgr).
		Named("keys").
		WatchesRawSource(start).
		WatchesRawSource(changed).
		WithOptions(controller.Options{RateLimiter: retries(), ReconciliationTimeout: reconcileTimeout, CacheSyncTimeout: cacheTimeout}).
		Complete(r)
}

// watchSet watches the Secret with the keys of the tokens and keeps its metadata alone. It needs a cache
// of its own: that of mgr holds the Secrets of clients.
func (r *KeysReconciler) watchSet(mgr ctrl.Manager, request reconcile.Request) (source.Source, error) {
	set := &metav1.PartialObjectMetadata{}
	set.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
	alone, err := cache.New(mgr.GetConfig(), cache.Options{
		HTTPClient: mgr.GetHTTPClient(), Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper(), DefaultTransform: cache.TransformStripManagedFields(),
		ByObject: map[client.Object]cache.ByObject{set: {
			Namespaces: map[string]cache.Config{r.Namespace: {}},
			Field:      fields.OneTermEqualSelector(metav1.ObjectNameField, credential.AuthserverKeysSecret),
		}},
	})
	if err != nil {
		return nil, fmt.Errorf("prepare to watch the keys of the tokens: %w", err)
	}
	if err := mgr.Add(alone); err != nil {
		return nil, fmt.Errorf("prepare to watch the keys of the tokens: %w", err)
	}
	ask := func(context.Context, *metav1.PartialObjectMetadata) []reconcile.Request {
		return []reconcile.Request{request}
	}
	return source.Kind(alone, set, handler.TypedEnqueueRequestsFromMapFunc(ask)), nil
}

// Reconcile looks at all three key Secrets. The request says nothing.
func (r *KeysReconciler) Reconcile(ctx context.Context, _ ctrl.Request) (ctrl.Result, error) {
	seen, err := r.observe(ctx)
	if err != nil {
		return ctrl.Result{}, r.failed("read", err)
	}
	p := planKeys(seen, keysInput{
		namespace: r.Namespace, now: r.Now(), apiServer: seen.apiServer,
		root: credential.NewKey(), shared: credential.NewKey(), next: credential.NewSetKey(r.Now()), signing: r.NewSigningKey,
	})
	if p.problem != "" {
		r.refuse(ctx, p)
		return ctrl.Result{RequeueAfter: cmp.Or(r.every, keysEvery)}, nil
	}
	if err := r.apply(ctx, p, seen.secrets[credential.AuthserverKeysSecret]); err != nil {
		return ctrl.Result{}, r.failed("write", err)
	}
	r.health.set("")
	if r.Keys.use(p.pair) && r.WakeAll != nil {
		r.WakeAll()
	}
	r.reportSkew(ctx, p.set.skew)
	return ctrl.Result{RequeueAfter: cmp.Or(r.every, keysEvery)}, nil
}

// reportSkew reports clocks that disagree: at once, and every hour while that lasts.
func (r *KeysReconciler) reportSkew(ctx context.Context, skew string) {
	if skew == "" {
		r.skewReported = time.Time{}
		return
	}
	now := r.Now()
	if since := now.Sub(r.skewReported); !r.skewReported.IsZero() && since >= 0 && since < skewEvery {
		return
	}
	r.skewReported = now
	ctrl.LoggerFrom(ctx).Error(errors.New(skew), "a clock is wrong")
	about := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: r.Namespace, Name: credential.AuthserverKeysSecret}}
	r.Events.Eventf(about, nil, corev1.EventTypeWarning, reasonKeyClockSkew, "RotateKeys", "%s", skew)
}

// failed returns err for a retry. Keys that are in use stay in use: an API server that is away
// for a while is no reason to stop.
func (r *KeysReconciler) failed(doing string, err error) error {
	if _, inUse := r.Keys.current(); !inUse {
		r.health.set(fmt.Sprintf("The operator could not %s its keys in the namespace %s yet; its log says why.", doing, r.Namespace))
	}
	return err
}

func (r *KeysReconciler) observe(ctx context.Context) (keysSeen, error) {
	seen := keysSeen{secrets: map[string]*corev1.Secret{}}
	for _, name := range keySecretNames() {
		secret := &corev1.Secret{}
		err := r.Live.Get(ctx, client.ObjectKey{Namespace: r.Namespace, Name: name}, secret)
		switch {
		case err == nil:
			seen.secrets[name] = secret
		case !apierrors.IsNotFound(err):
			return keysSeen{}, fmt.Errorf("read the key Secret %s: %w", name, redact(err))
		}
	}
	if r.APIServerTime != nil {
		seen.apiServer = r.APIServerTime() // that of an answer just read
	}
	if len(seen.secrets) == len(keySecretNames()) {
		return seen, nil // nothing will be made, so nobody need be asked
	}
	var err error
	seen.issued, err = r.issued(ctx)
	return seen, err
}

// readPair reads the keys that client secrets are made with, as the cluster holds them now.
func (r *KeysReconciler) readPair(ctx context.Context) (pair keyPair, err error) {
	for _, of := range []struct {
		name, dataKey string
		key           *credential.Key
	}{{credential.OperatorKeySecret, credential.RootDataKey, &pair.root}, {credential.SharedKeySecret, credential.SharedDataKey, &pair.shared}} {
		secret := &corev1.Secret{}
		if err := r.Live.Get(ctx, client.ObjectKey{Namespace: r.Namespace, Name: of.name}, secret); client.IgnoreNotFound(err) != nil {
			return keyPair{}, fmt.Errorf("read the key Secret %s: %w", of.name, redact(err))
		}
		if *of.key, err = credential.ParseKey(secret.Data[of.dataKey]); err != nil {
			return keyPair{}, nil //nolint:nilerr // the keys controller says what is wrong
		}
	}
	return pair, nil
}

// issued reports whether any object of the class lives on the keys. The cache may say yes;
// only the API server itself may say no, because a no lets a key be made.
func (r *KeysReconciler) issued(ctx context.Context) (bool, error) {
	for _, list := range []client.ObjectList{&v1alpha1.OAuthClientList{}, &v1alpha1.ResourceServerList{}} {
		if err := r.Client.List(ctx, list, client.UnsafeDisableDeepCopy); err != nil {
			return false, fmt.Errorf("list the objects with credentials: %w", err)
		}
		if r.anyIssued(list) {
			return true, nil
		}
	}
	for _, page := range []client.ObjectList{&v1alpha1.OAuthClientList{}, &v1alpha1.ResourceServerList{}} {
		for more := true; more; more = page.GetContinue() != "" {
			if err := r.Live.List(ctx, page, client.Limit(listPage), client.Continue(page.GetContinue())); err != nil {
				return false, fmt.Errorf("list the objects with credentials: %w", err)
			}
			if r.anyIssued(page) {
				return true, nil
			}
		}
	}
	return false, nil
}

// anyIssued reports whether one of the objects has credentials, or, for a Public client, may
// have tokens.
func (r *KeysReconciler) anyIssued(list client.ObjectList) bool {
	issued := func(class v1alpha1.ClassName, s *v1alpha1.IssuedStatus) bool {
		return class == r.Class && (len(s.Credentials) > 0 || s.ClientID != "")
	}
	switch list := list.(type) {
	case *v1alpha1.OAuthClientList:
		return slices.ContainsFunc(list.Items, func(oc v1alpha1.OAuthClient) bool { return issued(oc.Spec.ClassName, &oc.Status.IssuedStatus) })
	case *v1alpha1.ResourceServerList:
		return slices.ContainsFunc(list.Items, func(rs v1alpha1.ResourceServer) bool { return issued(rs.Spec.ClassName, &rs.Status.IssuedStatus) })
	default:
		return false
	}
}

func (r *KeysReconciler) apply(ctx context.Context, p keysPlan, set *corev1.Secret) error {
	for _, secret := range p.create {
		// Create, and nothing that overwrites: of two operators one makes the key.
		if err := r.Client.Create(ctx, secret, client.FieldOwner(fieldManager)); err != nil {
			return fmt.Errorf("make the key Secret %s: %w", secret.Name, redact(err))
		}
		ctrl.LoggerFrom(ctx).Info("made a key", "secret", secret.Name)
	}
	if p.set.write != nil {
		before := set.DeepCopy()
		set.Data = p.set.write
		// With the lock: of two operators one makes the key.
		patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
		if err := r.Client.Patch(ctx, set, patch, client.FieldOwner(fieldManager)); err != nil {
			return fmt.Errorf("write the key Secret %s: %w", set.Name, redact(err))
		}
	}
	if p.set.rotated {
		ctrl.LoggerFrom(ctx).Info("rotated the keys of the authorization server", "secret", set.Name)
	}
	for kid, entry := range p.set.signing {
		ctrl.LoggerFrom(ctx).Info("made a signing key", "secret", credential.AuthserverKeysSecret, "entry", entry, "kid", kid)
	}
	return nil
}

// refuse takes the keys out of use and says so: to readyz, in the log, in an Event.
func (r *KeysReconciler) refuse(ctx context.Context, p keysPlan) {
	r.Keys.withdraw()
	if r.health.set(p.problem) {
		ctrl.LoggerFrom(ctx).Error(errors.New(p.problem), "the keys cannot be used")
	}
	about := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: r.Namespace, Name: p.missing}}
	r.Events.Eventf(about, nil, corev1.EventTypeWarning, reasonKeyMissing, "ReadKey", "%s", p.problem)
}
