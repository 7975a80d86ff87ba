// Demo installs Lighterman in a cluster and shows its main job from end to end: a profile, an annotated Job, what its
// pod becomes, and the object that the Job's container wrote with what it was given. Then the uploader's: a Job that only
// writes files, what the sidecar says meanwhile, the objects, what verify says of them, and a dump that is refused.
package main
