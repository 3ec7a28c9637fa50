//go:build k8s_old

package main

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/kubernetes/pkg/scheduler/framework"
)

// preFilter names the nodes that may be looked at (nil means all), or why the pod fits nowhere.
func preFilter(
	ctx context.Context, own framework.Framework, state *framework.CycleState, pod *corev1.Pod,
) (map[string]bool, *refusal, error) {
	result, status := runPreFilter(ctx, own, state, pod)
	if status.IsRejected() {
		return nil, &refusal{status.Plugin(), status.Code().String(), status.Reasons()}, nil
	}
	if !status.IsSuccess() {
		return nil, nil, status.AsError()
	}
	if result.AllNodes() {
		return nil, nil, nil
	}
	allowed := map[string]bool{}
	for name := range result.NodeNames {
		allowed[name] = true
	}
	return allowed, nil, nil
}

func podsOf(info *framework.NodeInfo) []*framework.PodInfo { return info.Pods }

func podOf(held *framework.PodInfo) *corev1.Pod { return held.Pod }
