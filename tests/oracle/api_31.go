//go:build k8s_old && !k8s_30

package main

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/kubernetes/pkg/scheduler/framework"
)

func runPreFilter(
	ctx context.Context, own framework.Framework, state *framework.CycleState, pod *corev1.Pod,
) (*framework.PreFilterResult, *framework.Status) {
	result, status, _ := own.RunPreFilterPlugins(ctx, state, pod)
	return result, status
}
