data {
  int<lower=1> N;
  cholesky_factor_cov[N] scale_tril;
  real y;
}
transformed data {
  vector[N] zero = rep_vector(0, N);
}
parameters {
  vector[N] x;
}
model {
  x ~ multi_normal_cholesky(zero, scale_tril);
  y ~ normal(mean(x), 1);
}
