package main

import (
	"context"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	api "k8s.io/kubernetes/pkg/apis/core"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	_ "k8s.io/kubernetes/pkg/apis/storage/install"
	podregistry "k8s.io/kubernetes/pkg/registry/core/pod"
)

// question is one case: the cluster as kubectl prints it, and the pods to be judged alone against it.
type question struct {
	ID      any               `json:"id"`
	Cluster list              `json:"cluster"`
	Pods    []json.RawMessage `json:"pods"`
}

type list struct {
	Items []json.RawMessage `json:"items"`
}

// decoded reads the objects of the cluster with the API's defaults. Kinds that client-go does not
// know are left out, as no plugin could look at them.
func decoded(items []json.RawMessage) ([]runtime.Object, error) {
	var objects []runtime.Object
	for _, raw := range items {
		object, _, err := scheme.Codecs.UniversalDeserializer().Decode(raw, nil, nil)
		if runtime.IsNotRegisteredError(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("cannot read %.200s: %w", raw, err)
		}
		legacyscheme.Scheme.Default(object)
		objects = append(objects, object)
	}
	return objects, nil
}

// watched says whether the scheduler sees an object at all: its pod watch leaves out finished pods.
func watched(object runtime.Object) bool {
	pod, ok := object.(*corev1.Pod)
	return !ok || (pod.Status.Phase != corev1.PodSucceeded && pod.Status.Phase != corev1.PodFailed)
}

// born reads a candidate and does to it what the API server does at creation: defaults, a fresh
// status, matchLabelKeys merged into selectors. Admission is not applied.
// It also says what validation finds wrong; such a pod would never exist.
func born(raw json.RawMessage, index int) (*corev1.Pod, []string, error) {
	pod := &corev1.Pod{}
	if err := json.Unmarshal(raw, pod); err != nil {
		return nil, nil, fmt.Errorf("cannot read pod %.200s: %w", raw, err)
	}
	if pod.Namespace == "" {
		pod.Namespace = corev1.NamespaceDefault
	}
	legacyscheme.Scheme.Default(pod)
	internal := &api.Pod{}
	if err := legacyscheme.Scheme.Convert(pod, internal, nil); err != nil {
		return nil, nil, err
	}
	podregistry.Strategy.PrepareForCreate(context.Background(), internal)
	var faults []string
	for _, fault := range podregistry.Strategy.Validate(context.Background(), internal) {
		faults = append(faults, fault.Error())
	}
	made := &corev1.Pod{}
	if err := legacyscheme.Scheme.Convert(internal, made, nil); err != nil {
		return nil, nil, err
	}
	if made.UID == "" {
		made.UID = types.UID(fmt.Sprintf("candidate-%d", index))
	}
	return made, faults, nil
}
