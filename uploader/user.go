package uploader

// DefaultUser is the user of the uploader's image, as in the Dockerfile. The uploader runs as that user where neither the
// pod nor the profile names one; as whom the containers run that write the files, only their images know then.
const DefaultUser = 65532
