# docker build --build-arg VERSION=v0.1.0 -t <image> .   (and the uploader's: see its target)
# For several platforms at once: docker buildx build --platform linux/amd64,linux/arm64 …
# Both base images are arguments, so that a build can pin them by digest or take them from a mirror.
ARG GO_IMAGE=golang:1.26
ARG BASE_IMAGE=gcr.io/distroless/static:nonroot

# The compiler runs on the builder's own platform and cross-compiles: no emulation.
FROM --platform=$BUILDPLATFORM ${GO_IMAGE} AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod \
    go mod download
COPY . .
ARG VERSION=dev
ARG TARGETOS
ARG TARGETARCH
RUN --mount=type=cache,target=/go/pkg/mod \
    --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -ldflags "-s -w -X main.version=$VERSION" -o /out/ . ./cmd/uploader

# docker build --target uploader -t <image>-uploader .
FROM ${BASE_IMAGE} AS uploader
ARG VERSION=dev
LABEL org.opencontainers.image.title="lighterman-uploader" \
      org.opencontainers.image.description="Uploads a backup pod's files and proves that they arrived" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION"
COPY --from=build /out/uploader /uploader
USER 65532:65532
ENTRYPOINT ["/uploader"]

FROM ${BASE_IMAGE}
ARG VERSION=dev
LABEL org.opencontainers.image.title="lighterman" \
      org.opencontainers.image.description="Gives backup pods the credentials of a named profile" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION"
COPY --from=build /out/lighterman /lighterman
# A number, so that the kubelet can check runAsNonRoot.
USER 65532:65532
ENTRYPOINT ["/lighterman"]
