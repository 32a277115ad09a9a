# Both programs in one image: the Deployments choose by their command, /operator or /authserver.
FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY api api
COPY authserver authserver
COPY cmd cmd
COPY controllers controllers
COPY internal internal
ARG VERSION=unknown TARGETOS TARGETARCH
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -ldflags "-s -w -X github.com/gatehouse-dev/gatehouse/internal/buildinfo.stamp=$VERSION" -o /out/ ./cmd/operator ./cmd/authserver

FROM gcr.io/distroless/static-debian12:nonroot
ARG VERSION=unknown
LABEL org.opencontainers.image.title="Gatehouse" \
      org.opencontainers.image.source="https://github.com/gatehouse-dev/gatehouse" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version=$VERSION
COPY LICENSE /licenses/LICENSE
COPY --from=build /out/operator /out/authserver /
USER 65532:65532
ENTRYPOINT ["/operator"]
