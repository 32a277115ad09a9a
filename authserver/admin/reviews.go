// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"errors"
	"fmt"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
)

// Reviews asks the API server who somebody is and what they may do.
type Reviews interface {
	Token(ctx context.Context, r *authenticationv1.TokenReview) (*authenticationv1.TokenReview, error)
	Access(ctx context.Context, r *authorizationv1.SubjectAccessReview) (*authorizationv1.SubjectAccessReview, error)
}

// reviews knows these two kinds alone: a clientset would bring every other kind of Kubernetes along, in memory too.
type reviews struct{ authentication, authorization rest.Interface }

// NewReviews returns Reviews of the API server of the configuration. It sends nothing yet.
func NewReviews(config *rest.Config) (Reviews, error) {
	scheme := runtime.NewScheme()
	if err := errors.Join(authenticationv1.AddToScheme(scheme), authorizationv1.AddToScheme(scheme)); err != nil {
		return nil, fmt.Errorf("prepare reviews: %w", err)
	}
	codecs := serializer.NewCodecFactory(scheme).WithoutConversion()
	of := func(gv schema.GroupVersion) (rest.Interface, error) {
		config := rest.CopyConfig(config)
		config.APIPath, config.GroupVersion, config.NegotiatedSerializer = "/apis", &gv, codecs
		config.QPS, config.RateLimiter = -1, nil // the number of parallel questions is bounded
		return rest.RESTClientFor(config)
	}
	authentication, err := of(authenticationv1.SchemeGroupVersion)
	if err != nil {
		return nil, fmt.Errorf("prepare token reviews: %w", err)
	}
	authorization, err := of(authorizationv1.SchemeGroupVersion)
	if err != nil {
		return nil, fmt.Errorf("prepare access reviews: %w", err)
	}
	return reviews{authentication, authorization}, nil
}

// Token asks who a token is of.
func (r reviews) Token(ctx context.Context, review *authenticationv1.TokenReview) (*authenticationv1.TokenReview, error) {
	answer := &authenticationv1.TokenReview{}
	return answer, r.authentication.Post().Resource("tokenreviews").Body(review).Do(ctx).Into(answer)
}

// Access asks whether somebody may do something.
func (r reviews) Access(ctx context.Context, review *authorizationv1.SubjectAccessReview) (*authorizationv1.SubjectAccessReview, error) {
	answer := &authorizationv1.SubjectAccessReview{}
	return answer, r.authorization.Post().Resource("subjectaccessreviews").Body(review).Do(ctx).Into(answer)
}
