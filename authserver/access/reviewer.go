// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"fmt"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
)

// reviewer is a client that knows this one kind. The clientset would do the same and bring
// every other kind of Kubernetes along, in memory too.
type reviewer struct {
	client rest.Interface
	params runtime.ParameterCodec
}

// NewReviewer returns a Reviewer for the API server of the configuration. It has no limit
// on requests per second: the number of parallel ones is bounded, and the API server has
// its own fairness. It sends nothing yet.
func NewReviewer(config *rest.Config) (Reviewer, error) {
	r, err := newReviewer(config)
	return r, err
}

// NewLocalReviewer is NewReviewer for a server that has rights in some namespaces only: it
// asks by LocalSubjectAccessReview, for which a Role in the namespace of the client is enough.
func NewLocalReviewer(config *rest.Config) (Reviewer, error) {
	r, err := newReviewer(config)
	return localReviewer{r}, err
}

func newReviewer(config *rest.Config) (reviewer, error) {
	scheme := runtime.NewScheme()
	if err := authorizationv1.AddToScheme(scheme); err != nil {
		return reviewer{}, fmt.Errorf("prepare access reviews: %w", err)
	}
	config = rest.CopyConfig(config)
	config.APIPath = "/apis"
	config.GroupVersion = &authorizationv1.SchemeGroupVersion
	config.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	config.QPS, config.RateLimiter = -1, nil
	client, err := rest.RESTClientFor(config)
	if err != nil {
		return reviewer{}, fmt.Errorf("prepare access reviews: %w", err)
	}
	return reviewer{client: client, params: runtime.NewParameterCodec(scheme)}, nil
}

// Create asks the question and returns it with the API server's answer in its status.
func (r reviewer) Create(ctx context.Context, review *authorizationv1.SubjectAccessReview, opts metav1.CreateOptions) (*authorizationv1.SubjectAccessReview, error) {
	answer := &authorizationv1.SubjectAccessReview{}
	err := r.client.Post().Resource("subjectaccessreviews").VersionedParams(&opts, r.params).Body(review).Do(ctx).Into(answer)
	return answer, err
}

// localReviewer asks in the namespace that the question is about.
type localReviewer struct{ reviewer }

// Create asks the question and returns it with the API server's answer in its status.
func (r localReviewer) Create(ctx context.Context, review *authorizationv1.SubjectAccessReview, opts metav1.CreateOptions) (*authorizationv1.SubjectAccessReview, error) {
	namespace := review.Spec.ResourceAttributes.Namespace
	local := &authorizationv1.LocalSubjectAccessReview{ObjectMeta: metav1.ObjectMeta{Namespace: namespace}, Spec: review.Spec}
	answer := &authorizationv1.LocalSubjectAccessReview{}
	err := r.client.Post().Namespace(namespace).Resource("localsubjectaccessreviews").VersionedParams(&opts, r.params).Body(local).Do(ctx).Into(answer)
	return &authorizationv1.SubjectAccessReview{Spec: answer.Spec, Status: answer.Status}, err
}
