package main

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"sort"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/events"
	corev1helpers "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/klog/v2"
	configv1 "k8s.io/kube-scheduler/config/v1"
	"k8s.io/kubernetes/pkg/scheduler"
	config "k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/apis/config/scheme"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/profile"
)

// world is a cluster as one scheduler with the default plugins sees it.
type world struct {
	framework framework.Framework
}

// newWorld builds a scheduler that answers to name, shows it every object, and freezes its view.
func newWorld(ctx context.Context, name string, items []json.RawMessage) (*world, error) {
	objects, err := decoded(items)
	if err != nil {
		return nil, err
	}
	settings, err := defaultProfile(name)
	if err != nil {
		return nil, err
	}
	client := fake.NewSimpleClientset()
	factory := newStillFactory(client)
	recorders := profile.NewRecorderFactory(events.NewBroadcaster(&events.EventSinkImpl{Interface: client.EventsV1()}))
	built, err := scheduler.New(ctx, client, factory, nil, recorders,
		scheduler.WithProfiles(settings), scheduler.WithParallelism(1))
	if err != nil {
		return nil, fmt.Errorf("cannot build a scheduler: %w", err)
	}
	for _, pods := range []bool{false, true} {
		for _, object := range objects {
			if _, isPod := object.(*corev1.Pod); isPod == pods && watched(object) {
				if err := factory.add(object); err != nil {
					return nil, err
				}
			}
		}
	}
	made := &world{framework: built.Profiles[name]}
	return made, freeze(ctx, built, made.framework)
}

func defaultProfile(name string) (config.KubeSchedulerProfile, error) {
	var versioned configv1.KubeSchedulerConfiguration
	scheme.Scheme.Default(&versioned)
	settings := config.KubeSchedulerConfiguration{}
	if err := scheme.Scheme.Convert(&versioned, &settings, nil); err != nil {
		return config.KubeSchedulerProfile{}, err
	}
	only := settings.Profiles[0]
	only.SchedulerName = name
	return only, nil
}

// freeze copies the scheduler's cache into the snapshot that its plugins read. The snapshot's type
// may not be named from outside in older versions, hence the reflection.
func freeze(ctx context.Context, built *scheduler.Scheduler, own framework.Framework) error {
	update := reflect.ValueOf(built.Cache).MethodByName("UpdateSnapshot")
	failed := update.Call([]reflect.Value{
		reflect.ValueOf(klog.FromContext(ctx)),
		reflect.ValueOf(own.SnapshotSharedLister()),
	})[0]
	if err, ok := failed.Interface().(error); ok {
		return err
	}
	return nil
}

// judge runs all filters of every node, as one scheduling attempt does, then a dry run of preemption.
func (w *world) judge(ctx context.Context, pod *corev1.Pod) (answer, error) {
	said := answer{
		Pod:      pod.Namespace + "/" + pod.Name,
		Nodes:    []string{},
		Preempt:  []string{},
		Rejected: map[string]refusal{},
	}
	for _, gate := range pod.Spec.SchedulingGates {
		said.Gates = append(said.Gates, gate.Name)
	}
	infos, err := w.framework.SnapshotSharedLister().NodeInfos().List()
	if err != nil {
		return said, err
	}
	state := framework.NewCycleState()
	allowed, whole, err := preFilter(ctx, w.framework, state, pod)
	if err != nil {
		return said, err
	}
	said.Whole = whole
	for _, info := range infos {
		name := info.Node().Name
		switch {
		case whole != nil:
			said.Rejected[name] = *whole
		case allowed != nil && !allowed[name]:
			said.Rejected[name] = refusal{Code: "UnschedulableAndUnresolvable", Reasons: []string{"node(s) didn't satisfy plugin(s)"}}
		default:
			status := w.framework.RunFilterPluginsWithNominatedPods(ctx, state, pod, info)
			if status.IsSuccess() {
				said.Nodes = append(said.Nodes, name)
			} else {
				said.Rejected[name] = refusal{status.Plugin(), status.Code().String(), status.Reasons()}
			}
		}
	}
	if len(said.Nodes) == 0 && mayPreempt(pod) {
		if said.Preempt, err = w.preempt(ctx, state, pod, said.Rejected); err != nil {
			return said, err
		}
	}
	sort.Strings(said.Nodes)
	return said, nil
}

func mayPreempt(pod *corev1.Pod) bool {
	return pod.Spec.PreemptionPolicy == nil || *pod.Spec.PreemptionPolicy != corev1.PreemptNever
}

// preempt names the nodes that take the pod once every pod of lower priority there is gone.
func (w *world) preempt(
	ctx context.Context, state *framework.CycleState, pod *corev1.Pod, rejected map[string]refusal,
) ([]string, error) {
	found := []string{}
	infos, err := w.framework.SnapshotSharedLister().NodeInfos().List()
	if err != nil {
		return nil, err
	}
	for _, original := range infos {
		if rejected[original.Node().Name].Code != "Unschedulable" {
			continue
		}
		emptied, trial, removed := original.Snapshot(), state.Clone(), 0
		for _, held := range podsOf(original) {
			if corev1helpers.PodPriority(podOf(held)) >= corev1helpers.PodPriority(pod) {
				continue
			}
			if err := emptied.RemovePod(klog.FromContext(ctx), podOf(held)); err != nil {
				return nil, err
			}
			status := w.framework.RunPreFilterExtensionRemovePod(ctx, trial, pod, held, emptied)
			if !status.IsSuccess() {
				return nil, status.AsError()
			}
			removed++
		}
		if removed == 0 {
			continue
		}
		if w.framework.RunFilterPluginsWithNominatedPods(ctx, trial, pod, emptied).IsSuccess() {
			found = append(found, original.Node().Name)
		}
	}
	sort.Strings(found)
	return found, nil
}
