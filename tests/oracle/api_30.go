//go:build k8s_30

package main

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/kubernetes/pkg/scheduler/framework"
)

func runPreFilter(
	ctx context.Context, own framework.Framework, state *framework.CycleState, pod *corev1.Pod,
) (*framework.PreFilterResult, *framework.Status) {
	return own.RunPreFilterPlugins(ctx, state, pod)
}

// Pods come from the cluster's API server, which is newer than such a user scheduler: it merges
// matchLabelKeys into selectors.
func init() {
	if err := utilfeature.DefaultMutableFeatureGate.Set("MatchLabelKeysInPodAffinity=true"); err != nil {
		panic(err)
	}
}
