data {
  int<lower=1> K;
  int<lower=1> T;
  vector[T] y;
}
transformed data {
  vector[T - K] y_next = y[(K + 1) : T];
  matrix[T - K, K] x;
  for (k in 1 : K) x[ : , k] = y[(K + 1 - k) : (T - k)];
}
parameters {
  real alpha;
  vector[K] beta;
  real<lower=0> sigma;
}
model {
  alpha ~ normal(0, 10);
  beta ~ normal(0, 10);
  sigma ~ cauchy(0, 2.5);
  y_next ~ normal_id_glm(x, alpha, beta, sigma);
}
