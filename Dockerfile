# One image for every role: the gateway (the default command), a Ray head with the dispatcher
# (`python -m workers.dispatch.node head`) and a worker (`python -m workers.dispatch.node worker`).
FROM python:3.11-slim-bookworm

# g++ compiles models to native code while the service runs.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends g++ \
 && rm -rf /var/lib/apt/lists/*

# Which build of torch, and a further index that has it. For GPUs of NVIDIA:
#   --build-arg TORCH=torch==2.13.0
# which is the CUDA build on PyPI; builds for other versions of CUDA are on PyTorch's own indexes.
ARG TORCH=torch==2.13.0+cpu
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
RUN python -m pip install --no-cache-dir ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} "$TORCH"

# What the project needs changes less often than the project.
WORKDIR /build
COPY pyproject.toml ./
RUN python -c "import tomllib; p = tomllib.load(open('pyproject.toml', 'rb'))['project']; print(*p['dependencies'], *p['optional-dependencies']['stan'], *p['optional-dependencies']['telemetry'], sep='\n')" > requirements.txt \
 && python -m pip install --no-cache-dir --requirement requirements.txt

COPY README.md LICENSE ./
COPY models models
COPY workers workers
COPY services services
RUN python -m pip install --no-cache-dir --no-deps . && rm -rf build *.egg-info

# The same numbers on every machine: owners of files in volumes are numbers.
RUN groupadd --gid 10001 credence \
 && useradd --uid 10001 --gid 10001 --home-dir /var/lib/credence --no-create-home credence \
 && install --directory --owner=10001 --group=10001 --mode=0700 /var/lib/credence \
 && install --directory --owner=10001 --group=10001 --mode=0755 /artifacts

# All that a process writes for itself goes below its home, so that the rest can be read-only.
ENV HOME=/var/lib/credence \
    CREDENCE_HOME=/var/lib/credence \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONSAFEPATH=1 \
    PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /var/lib/credence

EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=6 \
  CMD ["python", "-IS", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["python", "-m", "services.gateway"]
